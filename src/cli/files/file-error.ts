import { open } from 'node:fs/promises'
import { isMirrorError, MirrorError, systemReason } from '../../errors.ts'
import { isDiskFull } from '../../layout/local-io.ts'

/** The error for a file of the user's that cannot be read or written; a MirrorError is returned as it is. */
export function fileError(action: string, path: string, cause: unknown): MirrorError {
  if (isMirrorError(cause)) return cause
  const hint = isDiskFull(cause) ? 'free some space on that file system' : 'check that the directory exists and is writable'
  return new MirrorError('LOCAL_IO', `cannot ${action} ${path}: ${systemReason(cause)}`, { hint, cause })
}

/** Text and permissions of the file that an option names; throws LOCAL_IO. */
export async function readGiven(option: string, path: string, what: string): Promise<{ readonly text: string; readonly mode: number }> {
  try {
    await using file = await open(path)
    const { mode } = await file.stat()
    return { text: await file.readFile('utf8'), mode }
  } catch (cause) {
    const hint = `pass ${option} with a ${what} that this user can read`
    throw new MirrorError('LOCAL_IO', `cannot read ${path} of ${option}: ${systemReason(cause)}`, { hint, cause })
  }
}

/** What a look at a path gives; undefined for an error with one of the codes. Throws LOCAL_IO. */
export async function ifThere<T>(
  look: Promise<T>,
  action: string,
  path: string,
  codes: readonly string[] = ['ENOENT'],
): Promise<T | undefined> {
  try {
    return await look
  } catch (error) {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw fileError(action, path, error)
  }
}
