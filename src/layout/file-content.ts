import { constants, type Stats } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { ChunkSink, Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import { errnoOf, localIo } from './local-io.ts'

const bufferBytes = 512 * 1024

/** An open regular file and what it is. */
export interface OpenFile {
  readonly handle: FileHandle
  readonly stats: Stats
}

/** Opens a regular file for reading; undefined where there is none, or where its name is a symbolic link or something else. */
export async function openRegularFile(path: string): Promise<OpenFile | undefined> {
  let handle
  try {
    // Without O_NONBLOCK the opening of a planted FIFO would wait for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (stats.isFile()) return { handle, stats }
    await handle.close()
    return undefined
  } catch (error) {
    await handle?.close()
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'ENXIO') return undefined
    throw await localIo(error, 'read', path)
  }
}

/** What part of a file to read, in bytes. */
export interface FilePart {
  readonly path: string
  readonly offset: number
  readonly size: number
  readonly signal?: AbortSignal | undefined
  /** Others read the file too: it stays open. */
  readonly isShared?: boolean
}

/** What bytes are read from: an open file, or something that reads like one. */
export type ByteHandle = Pick<FileHandle, 'close'> & {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
}

/** The bytes of an open file, through one buffer that is used again for every chunk; the file is closed after reading or cancelling, unless it is shared. */
export function fileContent(handle: ByteHandle, part: FilePart): Content {
  let isClosed = false
  const close = async (): Promise<void> => {
    if (isClosed || part.isShared === true) return
    isClosed = true
    await handle.close()
  }
  const read = async (sink: ChunkSink): Promise<void> => {
    try {
      const buffer = Buffer.allocUnsafeSlow(Math.min(bufferBytes, Math.max(part.size, 1)))
      let done = 0
      while (done < part.size) {
        part.signal?.throwIfAborted()
        const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, part.size - done), part.offset + done)
        if (bytesRead === 0) throw new MirrorError('INTEGRITY', `${part.path} became shorter while it was read`)
        done += bytesRead
        const taken = sink(buffer.subarray(0, bytesRead))
        if (taken !== undefined) await taken
      }
    } catch (error) {
      throw errnoOf(error) === 'EIO' ? await localIo(error, 'read', part.path) : error
    } finally {
      await close()
    }
  }
  return {
    size: part.size,
    read,
    cancel: () => {
      // A close that fails leaves nothing to give back.
      close().catch(() => undefined)
    },
  }
}
