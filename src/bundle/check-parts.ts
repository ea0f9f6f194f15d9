import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { isMirrorError } from '../errors.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { contentAt, openFileBytes } from './archive-bytes.ts'
import type { ArchiveCheck, ArchiveProblem } from './check-archive.ts'
import { findParts, type BundlePart } from './part-list.ts'

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

/**
 * Reads the parts of a split bundle again and compares their checksums: of the bundle's name or its list every part, of a part's name that one.
 * Undefined where the path means a file as it is: one that is not split, or whose parts were joined. Throws LOCAL_IO.
 */
export async function checkParts(path: string, options: CallOptions = {}): Promise<ArchiveCheck | undefined> {
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
