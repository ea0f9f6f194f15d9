import { isMirrorError } from '../errors.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Digest } from '../oci/digest.ts'
import { formatReference } from '../oci/reference.ts'
import type { BundledImage } from './bundle-record.ts'
import { neededContents } from './held-content.ts'
import type { ImageArchive } from './image-archive.ts'
import { joinRoots } from './join-roots.ts'

/** Something wrong with an archive: what, and which images need it. */
export interface ArchiveProblem {
  readonly message: string
  /** Source references. */
  readonly images: readonly string[]
}

/** What a check of an archive has found. */
export interface ArchiveCheck {
  /** Blobs and manifests that were read and hashed. */
  readonly blobs: number
  /** Files of a split bundle that were read and compared with the list of them; absent where the file is whole. */
  readonly parts?: number
  readonly bytes: number
  /** What has no name that a registry could use; absent where that is nothing. */
  readonly skipped?: readonly SkippedEntry[]
  readonly problems: readonly ArchiveProblem[]
}

/**
 * Reads every byte of an archive again, and looks for all that its images need. What an earlier bundle brought, and layers that are fetched from their
 * own URLs, are not missed; nor are further platforms of an image in an archive of another tool, which exports one of several by custom.
 */
export async function checkArchive(archive: ImageArchive, options: CallOptions = {}): Promise<ArchiveCheck> {
  const needers = new Map<Digest, string[]>()
  const wrongSizes = new Map<string, string[]>()
  for (const image of archive.images) {
    const name = formatReference(image.reference)
    for (const { digest, size } of await neededContents(archive, image, options)) {
      const known = needers.get(digest)
      if (known === undefined) needers.set(digest, [name])
      else known.push(name)
      const held = await archive.sizeOf(digest)
      if (held === undefined || held === size) continue
      const message = `${digest} has ${held} bytes, and not the ${size} that it is said to have`
      wrongSizes.set(message, [...(wrongSizes.get(message) ?? []), name])
    }
  }
  const problems: ArchiveProblem[] = [...wrongSizes].map(([message, images]) => ({ message, images }))
  const held = new Set<Digest>()
  let bytes = 0
  for (const { digest, path, size } of await archive.contents()) {
    held.add(digest)
    bytes += size
    if (await archive.isWhole(digest, options)) continue
    problems.push({ message: `${path} has other content than its digest says`, images: needers.get(digest) ?? [] })
  }
  const isDamaged = problems.length > 0
  for (const { entry, why, isWrong } of archive.skipped) if (isWrong) problems.push({ message: `${entry}: ${why}`, images: [] })
  if (archive.isSettled) problems.push(...missingOf(archive, held, needers))
  // What is below a damaged manifest is not known.
  else if (!isDamaged) for (const image of archive.images) problems.push(...(await lackOf(archive, image, options)))
  return { blobs: held.size, bytes, ...(archive.skipped.length > 0 && { skipped: archive.skipped }), problems }
}

function missingOf({ base }: ImageArchive, held: ReadonlySet<Digest>, needers: ReadonlyMap<Digest, string[]>): readonly ArchiveProblem[] {
  const elsewhere = new Set(base?.contents.map(({ digest }) => digest))
  return [...needers]
    .filter(([digest]) => !held.has(digest) && !elsewhere.has(digest))
    .map(([digest, images]) => ({ message: `${digest} is missing`, images }))
}

/** What keeps an image of another tool's archive from being pushed. */
async function lackOf(archive: ImageArchive, image: BundledImage, options: CallOptions): Promise<readonly ArchiveProblem[]> {
  try {
    await joinRoots([image], archive, options)
    return []
  } catch (error) {
    if (!isMirrorError(error)) throw error
    const name = formatReference(image.reference)
    return [{ message: error.message, images: error.message.includes(name) ? [] : [name] }]
  }
}
