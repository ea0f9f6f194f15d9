import { constants, type Stats } from 'node:fs'
import { access, open, stat, statfs, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isMirrorError, MirrorError, systemReason } from '../errors.ts'

/** The system's own code of an error, as in `ENOENT`; undefined for an error without one. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** True for an error that says that a disk or a quota has no space left. */
export function isDiskFull(error: unknown): boolean {
  const code = errnoOf(isMirrorError(error) ? error.cause : error)
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** Bytes that are free on the file system of a path, or of the nearest directory above it, `withReserved` also those that only root may use; undefined where that is unknown. */
export async function freeBytes(path: string, withReserved = false): Promise<number | undefined> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { bavail, bfree, bsize, blocks } = await statfs(at)
      // Some network file systems report no size at all.
      return blocks === 0 ? undefined : (withReserved ? bfree : bavail) * bsize
    } catch {
      if (at === dirname(at)) return undefined
    }
  }
}

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'free space on that file system, or choose another directory, and run again: finished content is kept',
  EDQUOT: 'free some of your disk quota, or choose another directory, and run again: finished content is kept',
  EROFS: 'choose another directory, or mount the file system writable',
  EACCES: 'give your user read and write permission, or choose another directory',
  EPERM: 'give your user read and write permission, or choose another directory',
  EMFILE: 'raise the limit (ulimit -n), or run fewer jobs at once',
  ENFILE: 'close programs, or run fewer jobs at once',
  EIO: 'check the disk, or use another one',
}

/** A file system error as LOCAL_IO, with the path, what to do, and the free space where the disk is full; a MirrorError is returned as it is. */
export async function localIo(error: unknown, doing: string, path: string): Promise<MirrorError> {
  if (isMirrorError(error)) return error
  const code = errnoOf(error)
  const free = code === 'ENOSPC' ? await freeBytes(path) : undefined
  const space = free === undefined ? '' : ` (${Math.floor(free / 1_048_576)} MiB free)`
  return new MirrorError('LOCAL_IO', `cannot ${doing} ${path}: ${code === undefined ? String(error) : systemReason(error) + space}`, {
    hint: code === 'ENOENT' && doing.startsWith('write') ? 'create the directory first, or choose another' : advice[code ?? ''],
    cause: error,
  })
}

/** Does work on a file; what the system throws becomes LOCAL_IO, as `localIo` makes it. */
export async function withLocalIo<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw await localIo(error, doing, path)
  }
}

/** True where a file of that name is there. */
export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** True where a directory, or a link to one, has that name. */
export async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

const noFile: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ELOOP', 'ENOTDIR', 'EISDIR', 'ENXIO'])

/** Opens a regular file; undefined where it is missing, a symbolic link or another kind of file. Throws LOCAL_IO. */
export async function openRegularFile(
  path: string,
  flags: number = constants.O_RDONLY,
): Promise<{ readonly handle: FileHandle; readonly stats: Stats } | undefined> {
  let handle
  try {
    // Without O_NONBLOCK the opening of a planted FIFO would wait for ever.
    handle = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (stats.isFile()) return { handle, stats }
    await handle.close()
    return undefined
  } catch (error) {
    await handle?.close().catch(() => undefined)
    if (noFile.has(errnoOf(error))) return undefined
    throw flags === constants.O_RDONLY ? await localIo(error, 'read', path) : await localIo(error, 'write', dirname(path))
  }
}

/** Writes all bytes at a position of a file. Throws what the system does. */
export async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** Makes the names in a directory durable, where the system can. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some network file systems and Windows have no sync for directories.
    if (!['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR'].includes(errnoOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}
