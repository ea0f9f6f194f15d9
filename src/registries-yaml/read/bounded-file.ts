import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** Reads a file of at most so many bytes, with its permission bits; instead of one that cannot be read: `not a file`, `too large`, or the system's code. */
export async function readBoundedFile(
  path: string,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly mode: number } | string> {
  try {
    // without O_NONBLOCK a named pipe that nobody writes to would block a thread that no signal ends
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stat = await file.stat()
    if (!stat.isFile()) return 'not a file'
    if (stat.size > maxBytes) return 'too large'
    return { bytes: await file.readFile(signal && { signal }), mode: stat.mode & 0o777 }
  } catch (error) {
    signal?.throwIfAborted()
    return (error as NodeJS.ErrnoException).code ?? 'unknown reason'
  }
}
