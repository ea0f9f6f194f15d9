import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Content } from '../async/content.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import { fileContent } from '../layout/file-content.ts'
import { errnoOf, isThere, localIo } from '../layout/local-io.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Compression } from './compression.ts'
import { notAnArchive } from './file-format.ts'
import { findParts, partListPath, partName, wholeFile } from './part-list.ts'

/** The bytes of an archive by their position, from wherever they come: one file, several, or what a compressed one gives. */
export interface ArchiveBytes extends AsyncDisposable {
  /** For messages. */
  readonly name: string
  /** Present where the bytes come out of a compressed file. */
  readonly compression?: Compression
  /** True for the parts of a split bundle: whatever they contain, it was one. */
  readonly isSplit?: boolean
  /** Waits until the bytes before this position are there; false where the archive ends before it. */
  reaches(position: number): Promise<boolean>
  /** Reads up to `length` bytes from a position that is there; 0 at the end. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
  /** Gives up bytes that are still to come: waiting readers get this reason. */
  stop(reason: unknown): void
}

interface FileBytes extends ArchiveBytes {
  readonly size: number
}

/** Some of an archive's bytes, from a position that is there. */
export function contentAt(bytes: ArchiveBytes, range: { readonly offset: number; readonly size: number } & CallOptions): Content {
  const handle = { read: bytes.read.bind(bytes), close: () => Promise.resolve() }
  return fileContent(handle, { ...range, path: bytes.name, isShared: true })
}

/** Opens the bytes of a regular file as they are. Throws NOT_FOUND, LOCAL_IO, and USAGE for a directory or a pipe. */
export async function openFileBytes(path: string): Promise<FileBytes> {
  let handle
  try {
    // Without O_NONBLOCK the opening of a FIFO would wait for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat()
    if (stats.isDirectory()) {
      const isLayout = await isThere(join(path, 'oci-layout'))
      throw notAnArchive(
        path,
        'a directory',
        isLayout ? `to copy an OCI layout, run k3s-mirror mirror options.images oci:${path} options.from '*=oci:${path}'` : undefined,
      )
    }
    if (!stats.isFile()) {
      throw notAnArchive(path, 'not a regular file', 'write it to a file first: archives are read at several positions at once')
    }
    const { size } = stats
    const opened = handle
    return {
      name: path,
      size,
      stop: () => undefined,
      reaches: (position) => Promise.resolve(position <= size),
      read: (buffer, offset, length, position) => opened.read(buffer, offset, length, position),
      [Symbol.asyncDispose]: () => opened.close(),
    }
  } catch (error) {
    await handle?.close()
    if (errnoOf(error) === 'ENOENT')
      throw new MirrorError('NOT_FOUND', `"${path}" does not exist`, { cause: error, hint: 'check the name and the directory' })
    throw await localIo(error, 'read', path)
  }
}

/** The parts of a split bundle as one, named by the bundle, a part or their list; undefined for a path of another file. Throws NOT_FOUND, INTEGRITY. */
export async function openSplitBytes(path: string): Promise<ArchiveBytes | undefined> {
  const file = wholeFile(path)
  const list = await findParts(path)
  if (list === undefined) {
    if ((await isThere(file)) || (await isThere(partListPath(file))) || !(await isThere(partName(file, 1)))) return undefined
    throw new MirrorError('NOT_FOUND', `${file} is split, but the list of its parts is missing: ${partListPath(file)}`, {
      hint: `copy the list too, or join the parts: cat ${basename(file)}.[0-9]* > ${basename(file)}`,
    })
  }
  const parts: { readonly bytes: FileBytes; readonly start: number; readonly end: number }[] = []
  const close = async (): Promise<void> => {
    for (const { bytes } of parts) await bytes[Symbol.asyncDispose]()
  }
  let size = 0
  try {
    for (const [index, { name }] of list.entries()) {
      const partPath = join(dirname(file), name)
      const bytes = await openFileBytes(partPath).catch((error: unknown) => {
        if (!isMirrorError(error) || error.code !== 'NOT_FOUND') throw error
        const message = `${partPath} is missing: it is part ${index + 1} of ${list.length} of ${file}`
        throw error.with({ message, hint: 'copy the part from the machine that created the bundle' })
      })
      parts.push({ bytes, start: size, end: size + bytes.size })
      size += bytes.size
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    name: file,
    isSplit: true,
    stop: () => undefined,
    [Symbol.asyncDispose]: close,
    reaches: (position) => Promise.resolve(position <= size),
    read: async (buffer, offset, length, position) => {
      const part = parts.find(({ end }) => position < end)
      if (part === undefined) return { bytesRead: 0 }
      const { bytes, start, end } = part
      const result = await bytes.read(buffer, offset, Math.min(length, end - position), position - start)
      if (result.bytesRead === 0) throw new MirrorError('INTEGRITY', `${bytes.name} was truncated while it was read`)
      return result
    },
  }
}
