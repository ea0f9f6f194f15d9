import { readFile, stat } from 'node:fs/promises'
import { MirrorError, systemReason } from '../errors.ts'
import { parseJsonObject } from '../oci/json-object.ts'
import { looksLikeLock, type Lock } from './lock.ts'

/** Bytes of a lock file; that of a bundle with 10 000 blobs has 3 MB. */
const maxLockBytes = 64 * 1024 * 1024

const hint = 'pass a file that k3s-mirror lock has written'

/** A lock file, and its text. */
export interface ReadLock {
  readonly lock: Lock
  readonly text: string
}

/** Reads a lock from its text; undefined for a text that is not a lock. Throws INVALID_LIST with the line for an invalid one. */
export async function readLockText(text: string, name: string): Promise<Lock | undefined> {
  const json = text.startsWith('{') ? parseJsonObject(text) : undefined
  // A report of this program has such keys too, and the name of its command.
  const isLock = json === undefined ? looksLikeLock(text) : 'lists' in json && 'images' in json && !('command' in json)
  if (!isLock) return undefined
  // YAML is loaded where there is a lock.
  return (await import('./parse-lock.ts')).parseLock(text, name)
}

/** Reads a lock file. Throws INVALID_LIST with the path and the reason, where the text is at fault with the line. */
export async function readLockFile(path: string): Promise<ReadLock> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new MirrorError('INVALID_LIST', `${path}: ${why}`, { hint, cause })
  }
  let text = ''
  try {
    const facts = await stat(path)
    if (facts.isDirectory()) refuse('this is a directory, not a lock file')
    if (facts.size > maxLockBytes) refuse('the file is larger than 64 MiB')
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof MirrorError) throw error
    refuse((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : systemReason(error), error)
  }
  const lock = await readLockText(text, path)
  if (lock === undefined) {
    const isOld = text.startsWith('{') && 'contents' in (parseJsonObject(text) ?? {})
    return refuse(isOld ? 'this lock file has no digests: an earlier version wrote it' : 'this is not a lock file')
  }
  return { lock, text }
}
