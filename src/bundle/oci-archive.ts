import type { GivenName } from '../layout/entry-name.ts'
import { nameEntries } from '../layout/name-entries.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { maxManifestBytes, parseLayoutIndex } from '../oci/manifest.ts'
import type { Archive } from './archive.ts'
import { inFile } from './archived-content.ts'
import { blobPath, indexPath } from './bundle-contents.ts'
import { ForeignArchive } from './foreign-archive.ts'
import type { TarEntry } from './tar-map.ts'

/** The names of a whole node take 1 MiB. */
const maxIndexBytes = 64 * 1024 * 1024

/** How an archive of another tool is opened. */
export interface ForeignOptions extends CallOptions {
  /** For images that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: GivenName | undefined
}

/**
 * Opens an OCI layout in one tar, as `ctr images export`, `docker save` since Docker 25, buildx, skopeo and hauler write it; manifests are kept byte for
 * byte. Entries without a whole name are skipped. Throws INVALID_MANIFEST.
 */
export async function openOciArchive(archive: Archive, index: TarEntry, { name, signal }: ForeignOptions = {}): Promise<ForeignArchive> {
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
  const images = named.map(({ reference, descriptor: { mediaType, digest, size }, about }) => ({
    reference,
    mediaType,
    digest,
    size,
    platforms: [],
    digestPreserved: true,
    ...(about !== undefined && { about }),
  }))
  return new ForeignArchive(archive, { images, skipped })
}
