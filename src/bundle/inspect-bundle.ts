import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { isMirrorError } from '../errors.ts'
import { parseGivenName } from '../layout/entry-name.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { contentAt, openFileBytes } from './archive-bytes.ts'
import { checkArchive, type ArchiveCheck, type ArchiveProblem } from './check-archive.ts'
import { describeArchive, type ArchiveInfo } from './describe-archive.ts'
import type { ImageArchive } from './image-archive.ts'
import { openImageArchive } from './open-image-archive.ts'
import { findParts, wholeFile, type BundlePart } from './part-list.ts'

/** How an archive is looked into. */
export interface InspectOptions extends CallOptions {
  /** `registry/repository[:tag]` for images of the archives that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: string | undefined
}

function openNamed(file: string, { name, signal }: InspectOptions): Promise<ImageArchive> {
  return openImageArchive(file, { name: parseGivenName(name), signal })
}

/** What is in a bundle or another archive. Throws NOT_FOUND, LOCAL_IO, INTEGRITY, INVALID_MANIFEST, INVALID_REFERENCE, UNSUPPORTED for something else. */
export async function describeBundle(file: string, options: InspectOptions = {}): Promise<ArchiveInfo> {
  await using archive = await openNamed(file, options)
  return await describeArchive(archive, options)
}

/** SHA-256 of a file and its bytes; undefined where there is none. */
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

function problemOf({ name, sha256 }: BundlePart, found: string | undefined, parts: readonly BundlePart[]): ArchiveProblem | undefined {
  if (found === sha256) return undefined
  if (found === undefined) return { message: `${name} is missing`, images: [] }
  const other = parts.find((part) => part.sha256 === found)
  const what = other === undefined ? 'has other content than the list of parts says' : `holds what belongs in ${other.name}`
  return { message: `${name} ${what}`, images: [] }
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
    const problem = problemOf(part, found?.sha256, parts)
    if (problem !== undefined) problems.push(problem)
  }
  return { blobs: 0, parts: checked.length, bytes, problems }
}

/** Reads every byte of an archive again, and compares the checksums of parts, or of the one that `file` names. Throws as describeBundle, but for problems. */
export async function checkBundle(file: string, options: InspectOptions = {}): Promise<ArchiveCheck> {
  try {
    const parts = await checkParts(file, options)
    if (parts !== undefined && (parts.problems.length > 0 || file !== wholeFile(file))) return parts
    await using archive = await openNamed(file, options)
    return { ...(await checkArchive(archive, options)), ...(parts && { parts: parts.parts }) }
  } catch (error) {
    if (!isMirrorError(error) || !['INTEGRITY', 'INVALID_MANIFEST'].includes(error.code)) throw error
    return { blobs: 0, bytes: 0, problems: [{ message: error.message, images: [] }] }
  }
}
