import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { devNull } from 'node:os'

/** Reads a file of at most so many bytes, with its permission bits. Returns `not a file`, `too large` or the system's error code for an unreadable file. */
export async function readBoundedFile(
  path: string,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly mode: number } | string> {
  try {
    // Without O_NONBLOCK, opening a named pipe without a writer would block a thread that no signal can abort.
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stat = await file.stat()
    if (path === devNull) return { bytes: new Uint8Array(), mode: stat.mode & 0o777 }
    if (!stat.isFile()) return 'not a file'
    if (stat.size > maxBytes) return 'too large'
    return { bytes: await file.readFile(signal && { signal }), mode: stat.mode & 0o777 }
  } catch (error) {
    signal?.throwIfAborted()
    return (error as NodeJS.ErrnoException).code ?? 'unknown reason'
  }
}
