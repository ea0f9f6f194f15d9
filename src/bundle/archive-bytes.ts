import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import { fileContent } from '../layout/file-content.ts'
import { errnoOf, localIo } from '../layout/local-io.ts'
import type { CallOptions } from '../oci/image-source.ts'

/** The bytes of an archive by their place, from wherever they come: one file, several, or what a compressed one gives. */
export interface ArchiveBytes extends AsyncDisposable {
  /** For messages. */
  readonly name: string
  /** Waits until the bytes before this place are there; false where the archive ends before it. */
  reaches(place: number): Promise<boolean>
  /** Reads up to `length` bytes from a place that is there; 0 at the end. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
  /** Gives up what is not there yet: whoever waits for it is told this. */
  stop(reason: unknown): void
}

/** A part of an archive's bytes, from a place that is there. */
export function contentAt(bytes: ArchiveBytes, part: { readonly offset: number; readonly size: number } & CallOptions): Content {
  const handle = { read: bytes.read.bind(bytes), close: () => Promise.resolve() }
  return fileContent(handle, { ...part, path: bytes.name, isShared: true })
}

/** Opens the bytes of a regular file as they are. Throws NOT_FOUND, LOCAL_IO, and USAGE for a directory or a pipe. */
export async function openFileBytes(path: string): Promise<ArchiveBytes & { readonly size: number }> {
  let handle
  try {
    // Without O_NONBLOCK the opening of a FIFO would wait for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (stats.isDirectory()) {
      throw new MirrorError('USAGE', `${path} is a directory, and archives are files`, {
        hint: `Pack an OCI layout first: tar -C ${path} -cf <file>.tar .`,
      })
    }
    if (!stats.isFile()) {
      throw new MirrorError('USAGE', `${path} is no regular file`, {
        hint: 'An archive is read at several places at once: write it to a file.',
      })
    }
    const opened = handle
    return {
      name: path,
      size: stats.size,
      reaches: (place) => Promise.resolve(place <= stats.size),
      read: (buffer, offset, length, position) => opened.read(buffer, offset, length, position),
      stop: () => undefined,
      [Symbol.asyncDispose]: () => opened.close(),
    }
  } catch (error) {
    await handle?.close()
    if (errnoOf(error) === 'ENOENT')
      throw new MirrorError('NOT_FOUND', `there is no file ${path}`, { cause: error, hint: 'Check the name and the directory.' })
    throw await localIo(error, 'read', path)
  }
}
