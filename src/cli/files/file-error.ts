import { open } from 'node:fs/promises'
import { isMirrorError, MirrorError } from '../../errors.ts'
import { isDiskFull } from '../../layout/local-io.ts'

/** The error for a file of the user's that cannot be read or written; a MirrorError is returned as it is. */
export function fileError(action: string, path: string, cause: unknown): MirrorError {
  if (isMirrorError(cause)) return cause
  const { code = 'unknown reason' } = cause as NodeJS.ErrnoException
  const hint = isDiskFull(cause) ? 'Make room there.' : 'Check that the directory exists and may be written.'
  return new MirrorError('LOCAL_IO', `cannot ${action} ${path} (${code})`, { hint, cause })
}

/** Text and permissions of the file that an option names; throws LOCAL_IO. */
export async function readGiven(option: string, path: string, what: string): Promise<{ readonly text: string; readonly mode: number }> {
  try {
    await using file = await open(path)
    const { mode } = await file.stat()
    return { text: await file.readFile('utf8'), mode }
  } catch (cause) {
    const { code = 'unknown reason' } = cause as NodeJS.ErrnoException
    const hint = `Name a ${what} that this user may read.`
    throw new MirrorError('LOCAL_IO', `cannot read ${path}, the file of ${option} (${code})`, { hint, cause })
  }
}

/** What a look at a path gives; undefined where one of the codes says that nothing is there. Throws LOCAL_IO. */
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
