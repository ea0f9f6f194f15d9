import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { yielding } from '../async/yielding.ts'
import { isMirrorError } from '../errors.ts'
import { parseGivenName } from '../layout/entry-name.ts'
import type { SkippedEntry } from '../layout/name-entries.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatReference } from '../oci/reference.ts'
import { contentAt, openFileBytes } from './archive-bytes.ts'
import type { BundledImage } from './bundle-record.ts'
import { checkFiles } from './check-files.ts'
import type { InspectOptions } from './describe-archive.ts'
import { neededContents } from './held-content.ts'
import type { ImageArchive } from './image-archive.ts'
import { joinRoots } from './join-roots.ts'
import { openImageArchive } from './open-image-archive.ts'
import { findParts, wholeFile, type BundlePart } from './part-list.ts'

/** Something wrong with an archive: what, and which images need it. */
export interface ArchiveProblem {
  readonly message: string
  readonly images: readonly string[]
}

/** What a check of an archive has found. */
export interface ArchiveCheck {
  readonly blobs: number
  /** Files of a kit that were read and compared; absent for an archive without a list of files. */
  readonly files?: number
  /** Files of a split bundle that were read and compared with the list of them; absent where the file is whole. */
  readonly parts?: number
  readonly bytes: number
  /** What has no name that a registry could use; absent where that is nothing. */
  readonly skipped?: readonly SkippedEntry[]
  readonly problems: readonly ArchiveProblem[]
}

async function hashFile(path: string, { signal }: CallOptions): Promise<{ readonly sha256: string; readonly size: number } | undefined> {
  try {
    await using file = await openFileBytes(path)
    const hash = createHash('sha256')
    await contentAt(file, { offset: 0, size: file.size, signal }).read((chunk) => void hash.update(chunk))
    return { sha256: hash.digest('hex'), size: file.size }
  } catch (error) {
    if (isMirrorError(error) && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}

function faultOf({ name, sha256 }: BundlePart, found: string | undefined, parts: readonly BundlePart[]): string | undefined {
  if (found === sha256) return undefined
  if (found === undefined) return `${name} is missing`
  const other = parts.find((part) => part.sha256 === found)
  return `${name} ${other === undefined ? 'does not match the list of parts' : `holds what belongs in ${other.name}`}`
}

/** Compares the parts of a split bundle with their checksums: all, or the one that the path names. Undefined for a path of another file. Throws LOCAL_IO. */
async function checkParts(path: string, options: CallOptions = {}): Promise<ArchiveCheck | undefined> {
  const parts = await findParts(path)
  if (parts === undefined) return undefined
  const single = parts.filter(({ name }) => name === basename(path))
  const checked = single.length > 0 ? single : parts
  const problems: ArchiveProblem[] = []
  let bytes = 0
  for (const part of checked) {
    const found = await hashFile(join(dirname(path), part.name), options)
    bytes += found?.size ?? 0
    const message = faultOf(part, found?.sha256, parts)
    if (message !== undefined) problems.push({ message, images: [] })
  }
  return { blobs: 0, parts: checked.length, bytes, problems }
}

/** Finds further problems of an open archive. */
export type CheckFurther = (archive: ImageArchive, options: CallOptions) => Promise<readonly ArchiveProblem[]>

/** Reads every byte of an archive again, and compares the checksums of parts, or of the one that `file` names. Throws as describeBundle, but for problems. */
export async function checkBundle(file: string, options: InspectOptions = {}, further?: CheckFurther): Promise<ArchiveCheck> {
  try {
    const parts = await checkParts(file, options)
    if (parts !== undefined && (parts.problems.length > 0 || file !== wholeFile(file))) return parts
    await using archive = await openImageArchive(file, { name: parseGivenName(options.name), signal: options.signal })
    const found = await further?.(archive, options)
    const check = await checkArchive(archive, options)
    return { ...check, ...(parts && { parts: parts.parts }), problems: [...check.problems, ...(found ?? [])] }
  } catch (error) {
    if (!isMirrorError(error) || !['INTEGRITY', 'INVALID_MANIFEST'].includes(error.code)) throw error
    return { blobs: 0, bytes: 0, problems: [{ message: error.message, images: [] }] }
  }
}

/** Reads every byte of an archive again, and looks for all that its images need and that neither an earlier bundle nor a layer's own URL has. */
export async function checkArchive(archive: ImageArchive, options: CallOptions = {}): Promise<ArchiveCheck> {
  const roots = imagesByRoot(archive.images)
  const needers: Needers<Digest> = new Map()
  const wrongSizes: Needers<string> = new Map()
  const pause = yielding(options.signal)
  for (const images of roots) {
    await pause()
    const needed = images[0] ? await neededContents(archive, images[0], options) : []
    for (const { digest, size } of needed) {
      append(needers, digest, images)
      const held = await archive.sizeOf(digest)
      if (held === undefined || held === size) continue
      append(wrongSizes, `${digest} has ${held} bytes, not the declared ${size}`, images)
    }
  }
  const problems: ArchiveProblem[] = [...wrongSizes].map(([message, images]) => ({ message, images: namesOf(images) }))
  const held = new Set<Digest>()
  let bytes = 0
  for (const { digest, path, size } of await archive.contents()) {
    await pause()
    held.add(digest)
    bytes += size
    if (await archive.isWhole(digest, options)) continue
    problems.push({ message: `${path} does not match its digest`, images: namesOf(needers.get(digest)) })
  }
  const isDamaged = problems.length > 0
  for (const { entry, why, isWrong } of archive.skipped) if (isWrong) problems.push({ message: `${entry}: ${why}`, images: [] })
  const files = await checkFiles(archive, options)
  // What is below a damaged manifest is not known.
  const lacks = archive.isSettled ? missingOf(archive, held, needers) : isDamaged ? [] : await lacksOf(archive, roots, options)
  return {
    blobs: held.size,
    ...(files && { files: files.files }),
    bytes: bytes + (files?.bytes ?? 0),
    ...(archive.skipped.length > 0 && { skipped: archive.skipped }),
    problems: [...problems, ...lacks, ...(files?.problems ?? []).map((message) => ({ message, images: [] }))],
  }
}

/** Images that name one root: what the first needs, all need. */
type SameRoot = readonly BundledImage[]
type Needers<K> = Map<K, SameRoot[]>

/** Groups images by their root, so that a root with many tags is read once. */
function imagesByRoot(images: readonly BundledImage[]): readonly SameRoot[] {
  const roots = new Map<string, BundledImage[]>()
  for (const image of images) append(roots, `${image.digest} ${image.size} ${image.reference.digest === undefined}`, image)
  return [...roots.values()]
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const known = lists.get(key)
  if (known === undefined) lists.set(key, [value])
  else known.push(value)
}

function namesOf(needers: readonly SameRoot[] = []): readonly string[] {
  return needers.flatMap((images) => images.map(({ reference }) => formatReference(reference)))
}

function missingOf({ base }: ImageArchive, held: ReadonlySet<Digest>, needers: Needers<Digest>): readonly ArchiveProblem[] {
  const elsewhere = new Set(base?.contents.map(({ digest }) => digest))
  return [...needers]
    .filter(([digest]) => !held.has(digest) && !elsewhere.has(digest))
    .map(([digest, images]) => ({ message: `${digest} is missing`, images: namesOf(images) }))
}

/** What keeps images of another tool's archive from being pushed; of one root the first image that can be answers for those behind it. */
async function lacksOf(archive: ImageArchive, roots: readonly SameRoot[], options: CallOptions): Promise<readonly ArchiveProblem[]> {
  const lacks: ArchiveProblem[] = []
  for (const images of roots) {
    for (const image of images) {
      try {
        await joinRoots([image], archive, options)
        break
      } catch (error) {
        if (!isMirrorError(error)) throw error
        const name = formatReference(image.reference)
        lacks.push({ message: error.message, images: error.message.includes(name) ? [] : [name] })
      }
    }
  }
  return lacks
}
