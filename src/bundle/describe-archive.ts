import { yielding } from '../async/yielding.ts'
import { parseGivenName } from '../layout/entry-name.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatReference } from '../oci/reference.ts'
import type { BundledImage, BundledList, KitFile } from './bundle-record.ts'
import { neededContents } from './held-content.ts'
import type { ArchiveFormat, ImageArchive } from './image-archive.ts'
import { joinRoots } from './join-roots.ts'
import { openImageArchive } from './open-image-archive.ts'

/** One image of an archive, as `bundle info` prints it. */
export interface DescribedImage {
  readonly reference: string
  readonly digest: Digest
  readonly platforms: readonly string[]
  readonly digestPreserved: boolean
  /** Bytes of it that the archive holds, manifests included, each digest once. */
  readonly size: number
}

/** What an archive holds. */
export interface ArchiveInfo {
  readonly file: string
  readonly format: ArchiveFormat
  /** `k3s-mirror/<version>` of what made a bundle; absent for other archives. */
  readonly tool?: string
  /** Of a bundle's record: bundles that are created with `options.since` name it by this digest. */
  readonly digest?: Digest
  readonly lists: readonly BundledList[]
  readonly images: readonly DescribedImage[]
  /** The files of a kit, in the order of their paths; absent for other archives. */
  readonly files?: readonly KitFile[]
  /** What has no name that a registry could use; absent where that is nothing. */
  readonly skipped?: readonly SkippedEntry[]
  /** Manifests and blobs, each once. */
  readonly blobs: number
  /** Bytes of these. */
  readonly bytes: number
  /** What an earlier bundle or kit brings; the images need it and it is not in this one. */
  readonly base?: { readonly bundle: string; readonly blobs: number; readonly bytes: number; readonly files?: readonly KitFile[] }
}

/** How an archive is looked into. */
export interface InspectOptions extends CallOptions {
  /** `registry/repository[:tag]` for images of the archives that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: string | undefined
}

/** What is in a bundle or another archive. Throws NOT_FOUND, LOCAL_IO, INTEGRITY, INVALID_MANIFEST, INVALID_REFERENCE, UNSUPPORTED for something else. */
export async function describeBundle(file: string, options: InspectOptions = {}): Promise<ArchiveInfo> {
  await using archive = await openImageArchive(file, { name: parseGivenName(options.name), signal: options.signal })
  return await describeArchive(archive, options)
}

/** Works out what an archive holds from its record and manifests, as `bundle push` would push it. Throws INTEGRITY for a damaged one, INVALID_MANIFEST. */
export async function describeArchive(archive: ImageArchive, options: CallOptions = {}): Promise<ArchiveInfo> {
  const { path, format, record, digest: own, base } = archive
  const described: DescribedImage[] = []
  // A node has every image by several names.
  const known = new Map<string, Omit<DescribedImage, 'reference'>>()
  const pause = yielding(options.signal)
  for (const named of archive.images) {
    await pause()
    const key = `${named.digest} ${named.reference.digest === undefined}`
    const facts = known.get(key) ?? (await describeImage(archive, named, options))
    known.set(key, facts)
    const { platforms, digestPreserved } = archive.isSettled ? named : facts
    described.push({ reference: formatReference(named.reference), ...facts, platforms, digestPreserved })
  }
  const held = await archive.contents()
  return {
    file: path,
    format,
    ...(record && { tool: record.tool }),
    ...(own && { digest: own }),
    lists: record?.lists ?? [],
    images: described,
    ...(record?.files && { files: record.files }),
    ...(archive.skipped.length > 0 && { skipped: archive.skipped }),
    blobs: held.length,
    bytes: held.reduce((sum, { size }) => sum + size, 0),
    ...(base && {
      base: {
        bundle: base.bundle,
        blobs: base.contents.length,
        bytes: base.contents.reduce((sum, { size }) => sum + size, 0),
        ...(base.files && { files: base.files }),
      },
    }),
  }
}

async function describeImage(archive: ImageArchive, named: BundledImage, options: CallOptions): Promise<Omit<DescribedImage, 'reference'>> {
  const { digest, platforms, digestPreserved } = archive.isSettled ? named : (await joinRoots([named], archive, options)).image
  let size = 0
  for (const needed of await neededContents(archive, named, options)) size += (await archive.sizeOf(needed.digest)) ?? 0
  return { digest, platforms, digestPreserved, size }
}
