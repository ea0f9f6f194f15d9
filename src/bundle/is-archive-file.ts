import { open, stat } from 'node:fs/promises'
import { isThere, localIo } from '../layout/local-io.ts'
import { headBytes, looksLikeText } from './file-format.ts'
import { partListPath, partName, wholeFile } from './part-list.ts'

/** True for a file of images, or the parts of one; false for text, such as a list or a lock file, and for what is not a regular file. Throws LOCAL_IO. */
export async function isArchiveFile(path: string): Promise<boolean> {
  try {
    // Opening a named pipe waits for a process that writes to it.
    if (!(await stat(path)).isFile()) return false
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    return !looksLikeText(buffer.subarray(0, bytesRead)) || path === partListPath(wholeFile(path))
  } catch (error) {
    const { code } = error as { readonly code?: unknown }
    if (code === 'ENOENT' || code === 'ENOTDIR') return isThere(partName(wholeFile(path), 1))
    throw await localIo(error, 'read', path)
  }
}
