import { MirrorError } from '../errors.ts'
import { nameEntries } from '../layout/name-entries.ts'
import { maxManifestBytes, parseLayoutIndex } from '../oci/manifest.ts'
import { Archive } from './archive.ts'
import { blobPath, indexPath } from './bundle-contents.ts'
import { readBundle } from './bundle-reader.ts'
import { recordPath } from './bundle-record.ts'
import { openDockerSave, savePath } from './docker-save.ts'
import { archiveHint } from './file-format.ts'
import { ImageArchive, inFile, type ForeignOptions } from './image-archive.ts'
import type { TarEntry } from './tar-map.ts'

/** Opens a bundle, OCI layout or `docker save` archive, of the latter two with all they hold. Throws NOT_FOUND, INTEGRITY, INVALID_MANIFEST, UNSUPPORTED. */
export async function openImageArchive(path: string, options: ForeignOptions = {}): Promise<ImageArchive> {
  const archive = await Archive.open(path, { links: true, signal: options.signal })
  try {
    // A whole archive may have to be decompressed to know that something is not in it.
    const record = await archive.find(recordPath)
    return record === undefined ? await openForeign(archive, options) : await readBundle(archive, record)
  } catch (error) {
    await archive[Symbol.asyncDispose]()
    throw error
  }
}

/** The names of a whole node take 1 MiB. */
const maxIndexBytes = 64 * 1024 * 1024

/** Opens an OCI layout in one tar, as ctr, Docker 25, buildx, skopeo and hauler write it; entries without a name are skipped. Throws INVALID_MANIFEST. */
export async function openOciArchive(archive: Archive, index: TarEntry, { name, signal }: ForeignOptions = {}): Promise<ImageArchive> {
  const bytes = await archive.bytes(index, maxIndexBytes, { signal })
  const entries = inFile(archive, indexPath, () => parseLayoutIndex(bytes))
  const { named, skipped } = await nameEntries(entries, {
    name,
    signal,
    read: async ({ digest }) => {
      const entry = await archive.find(blobPath(digest))
      return entry === undefined || entry.size > maxManifestBytes ? undefined : archive.bytes(entry, maxManifestBytes, { signal })
    },
  })
  const images = named.map(({ reference, descriptor: { mediaType, digest, size }, about }) => {
    return { reference, mediaType, digest, size, platforms: [], digestPreserved: true, ...(about && { about }) }
  })
  return new ImageArchive(archive, { images, skipped })
}

/** Its scan has come to the end, for it was asked for what it does not have. */
async function openForeign(archive: Archive, options: ForeignOptions): Promise<ImageArchive> {
  const index = await archive.find(indexPath)
  if (index !== undefined) return openOciArchive(archive, index, options)
  const list = await archive.find(savePath)
  if (list !== undefined) return openDockerSave(archive, list, options)
  throw await withoutImages(archive)
}

/** The error for an archive that has no images, or has them in a directory of its own. */
export async function withoutImages(archive: Archive): Promise<MirrorError> {
  const names = [recordPath, indexPath, savePath]
  const found = (await archive.files()).map(({ path }) => path).find((path) => names.some((name) => path.endsWith(`/${name}`)))
  const directory = found?.slice(0, found.lastIndexOf('/'))
  const hint =
    directory === undefined ? archiveHint : `pack the contents of its directory "${directory}", as in tar -C ${directory} -cf <file>.tar .`
  return new MirrorError(
    'UNSUPPORTED',
    `${archive.name}: not an archive of images: ${recordPath}, ${indexPath} and ${savePath} are missing`,
    {
      hint,
    },
  )
}
