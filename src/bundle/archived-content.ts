import type { Content } from '../async/content.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { contentHasDigest, hasDigest, isDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions } from '../oci/image-source.ts'
import { manifestOf, maxManifestBytes, type Manifest } from '../oci/manifest.ts'
import type { Archive } from './archive.ts'
import type { ArchivedContent } from './image-archive.ts'
import type { TarEntry } from './tar-map.ts'

/** The error for content that is not what its digest says. */
export function wrongContent(archive: Archive, digest: Digest): MirrorError {
  return new MirrorError('INTEGRITY', `${archive.name} holds other content for ${digest} than its digest says`, {
    side: 'source',
    hint: 'Copy the file again from where it was made; of a bundle, k3s-mirror bundle check names all that is damaged.',
  })
}

/** The error for content that ought to be in an archive. */
export function absentContent(name: string, what: string): MirrorError {
  return new MirrorError('INTEGRITY', `${name} does not hold ${what}`, {
    side: 'source',
    hint: 'Copy the file again from where it was made, or make it again.',
  })
}

/** Says of a manifest's fault which file of which archive it is in. */
export function inFile<T>(archive: Archive, path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!isMirrorError(error)) throw error
    const { code, message, hint } = error
    throw new MirrorError(code, `${path} in ${archive.name}: ${message}`, { hint, cause: error, side: 'source' })
  }
}

/** The manifest in a file of an archive, verified. Throws INTEGRITY, and as manifestOf does. */
export async function readArchivedManifest(
  archive: Archive,
  entry: TarEntry,
  digest: Digest,
  options: CallOptions = {},
): Promise<Manifest> {
  if (entry.size > maxManifestBytes) throw wrongContent(archive, digest)
  const bytes = await archive.bytes(entry, maxManifestBytes, options)
  if (!hasDigest(bytes, digest)) throw wrongContent(archive, digest)
  return inFile(archive, entry.path, () => manifestOf(bytes, undefined, digest))
}

/** True where a file of an archive is there and has this digest. */
export async function isWholeContent(
  archive: Archive,
  entry: TarEntry | undefined,
  digest: Digest,
  options: CallOptions = {},
): Promise<boolean> {
  return entry !== undefined && contentHasDigest(archive.content(entry, options), digest)
}

/** What lies in an archive where an OCI layout has its contents. */
export async function layoutContents(archive: Archive): Promise<readonly ArchivedContent[]> {
  return (await archive.files()).flatMap(({ path, entry }) => {
    const digest = path.startsWith('blobs/') ? path.slice('blobs/'.length).replace('/', ':') : ''
    return isDigest(digest) ? [{ digest, path, size: entry.size }] : []
  })
}

/** The bytes of a blob in a file of an archive, not verified. Throws INTEGRITY where there is no file, or one of another size. */
export function openArchivedBlob(
  archive: Archive,
  entry: TarEntry | undefined,
  { digest, size }: Descriptor,
  options: GetBlobOptions = {},
): Content {
  if (entry === undefined) throw absentContent(archive.name, digest)
  if (entry.size !== size) throw wrongContent(archive, digest)
  const { offset, signal } = options
  return archive.content(entry, { offset, signal })
}
