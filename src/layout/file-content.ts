import type { FileHandle } from 'node:fs/promises'
import type { ChunkSink, Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import { errnoOf, localIo } from './local-io.ts'

const bufferBytes = 512 * 1024

/** Which bytes of a file to read. */
export interface FileRange {
  /** For messages. */
  readonly path: string
  readonly offset: number
  readonly size: number
  readonly signal?: AbortSignal | undefined
  /** Others read the file too: it stays open. */
  readonly isShared?: boolean
}

/** An open file, or something that reads like one. */
type ByteHandle = Pick<FileHandle, 'close'> & {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
}

/** The bytes of an open file, through one buffer that is used again for every chunk; the file is closed after reading or cancelling, unless it is shared. */
export function fileContent(handle: ByteHandle, { path, offset, size, signal, isShared = false }: FileRange): Content {
  let isClosed = isShared
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    await handle.close()
  }
  const read = async (sink: ChunkSink): Promise<void> => {
    try {
      const buffer = Buffer.allocUnsafeSlow(Math.min(bufferBytes, Math.max(size, 1)))
      for (let done = 0; done < size;) {
        signal?.throwIfAborted()
        const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - done), offset + done)
        if (bytesRead === 0) throw new MirrorError('INTEGRITY', `${path} was truncated while it was read`)
        done += bytesRead
        const taken = sink(buffer.subarray(0, bytesRead))
        if (taken !== undefined) await taken
      }
    } catch (error) {
      throw errnoOf(error) === 'EIO' ? await localIo(error, 'read', path) : error
    } finally {
      await close()
    }
  }
  // A close that fails leaves nothing to give back.
  return { size, read, cancel: () => void close().catch(() => undefined) }
}
