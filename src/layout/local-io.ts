import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isMirrorError, MirrorError } from '../errors.ts'

/** The system's own code of an error, as in `ENOENT`; undefined where it has none. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** True for an error that says that a disk or a quota has no space left. */
export function isDiskFull(error: unknown): boolean {
  const code = errnoOf(isMirrorError(error) ? error.cause : error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** Bytes that are free on the file system of a path, or of the nearest directory above it; undefined where that is unknown. */
export async function freeBytes(path: string): Promise<number | undefined> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at)
      return bavail * bsize
    } catch {
      if (at === dirname(at)) return undefined
    }
  }
}

async function freeSpace(path: string): Promise<string> {
  const free = await freeBytes(path)
  return free === undefined ? '' : ` (${Math.floor(free / 1_048_576)} MiB free)`
}

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space on that file system, or choose a directory on another one, and run again: what is there already is kept.',
  EDQUOT: 'Your disk quota is used up: free some of it, or choose another directory, and run again: what is there already is kept.',
  EROFS: 'The file system is mounted read-only: choose another directory or mount it writable.',
  EACCES: 'Give your user the right to read and write there, or choose another directory.',
  EPERM: 'Give your user the right to read and write there, or choose another directory.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n) or run fewer jobs at once.',
  ENFILE: 'Too many files are open on this machine: close some programs or run fewer jobs at once.',
  EADDRINUSE: 'Another program listens there already: choose another port.',
  EIO: 'The disk reported a fault: check it, and run again on a healthy one.',
}

/** A file system error as LOCAL_IO, with the path, what to do, and the free space where the disk is full; a MirrorError is returned as it is. */
export async function localIo(error: unknown, doing: string, path: string): Promise<MirrorError> {
  if (isMirrorError(error)) return error
  const code = errnoOf(error)
  const space = code === 'ENOSPC' ? await freeSpace(path) : ''
  const why = code === undefined ? String(error) : `${code}${space}`
  return new MirrorError('LOCAL_IO', `cannot ${doing} ${path}: ${why}`, {
    hint: code === 'ENOENT' && doing.startsWith('write') ? 'Make the directory first, or choose another.' : advice[code ?? ''],
    cause: error,
  })
}
