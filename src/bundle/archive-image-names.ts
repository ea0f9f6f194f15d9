import { open, type FileHandle } from 'node:fs/promises'
import { isMirrorError, MirrorError } from '../errors.ts'
import { errnoOf, localIo } from '../layout/local-io.ts'
import { nameEntries, type SkippedEntry } from '../layout/name-entries.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { parseLayoutIndex } from '../oci/manifest.ts'
import type { Reference } from '../oci/reference.ts'
import type { ArchiveBytes } from './archive-bytes.ts'
import { indexPath, layoutPath } from './bundle-contents.ts'
import {
  decompress,
  detectCompression,
  detectUnsupported,
  refuseCompression,
  unsupportedMagicBytes,
  type Compression,
} from './compression.ts'
import { savedNames, savePath } from './docker-save.ts'
import { scanTar } from './scan-tar.ts'
import type { TarEntry } from './tar-map.ts'

/** The names by which containerd imports the images of an archive. */
export interface ImportedNames {
  readonly compression: Compression | undefined
  readonly names: readonly Reference[]
  readonly skipped: readonly SkippedEntry[]
}

const chunkBytes = 256 * 1024
/** Bytes behind the latest one that can be read again: more than the tar reader reads ahead. */
const windowBytes = 128 * 1024
const maxListBytes = 64 * 1024 * 1024

async function* fileChunks(handle: FileHandle, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  for (let at = 0; ;) {
    signal?.throwIfAborted()
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** Bytes that are decompressed in order and dropped once they were passed, so that neither memory nor disk space grows. */
class PassingBytes implements ArchiveBytes {
  readonly name: string
  readonly compression: Compression
  readonly #chunks: AsyncIterator<Uint8Array>
  /** The latest bytes, and where each part of them begins. */
  readonly #held: { readonly start: number; readonly bytes: Buffer }[] = []
  #end = 0
  #isEnded = false

  constructor(name: string, compression: Compression, chunks: AsyncIterator<Uint8Array>) {
    this.name = name
    this.compression = compression
    this.#chunks = chunks
  }

  stop(): void {
    this.#isEnded = true
  }

  /** Reading ends at the end of the archive; asking earlier would pass the bytes. */
  reaches(): Promise<boolean> {
    return Promise.resolve(true)
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }> {
    while (position >= this.#end && !this.#isEnded) await this.#advance()
    if (position >= this.#end) return { bytesRead: 0 }
    const part = this.#held.findLast(({ start }) => start <= position)
    if (part === undefined) throw new MirrorError('INTERNAL', `${this.name}: bytes were read again after they were dropped`)
    return { bytesRead: part.bytes.copy(buffer, offset, position - part.start, position - part.start + length) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.()
  }

  async #advance(): Promise<void> {
    const { value, done } = await this.#chunks.next()
    if (done === true) {
      this.#isEnded = true
      return
    }
    this.#held.push({ start: this.#end, bytes: Buffer.from(value) })
    this.#end += value.length
    while ((this.#held[1]?.start ?? this.#end) < this.#end - windowBytes) this.#held.shift()
  }
}

function plainBytes(name: string, handle: FileHandle, size: number): ArchiveBytes {
  return {
    name,
    stop: () => undefined,
    reaches: (position) => Promise.resolve(position <= size),
    read: (buffer, offset, length, position) => handle.read(buffer, offset, length, position),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function readEntry(bytes: ArchiveBytes, { path, size, offset }: TarEntry): Promise<Buffer> {
  if (size > maxListBytes)
    throw new MirrorError('INVALID_MANIFEST', `${path} in ${bytes.name} is larger than ${maxListBytes / 1_048_576} MiB`)
  const content = Buffer.alloc(size)
  for (let done = 0; done < size;) {
    const { bytesRead } = await bytes.read(content, done, size - done, offset + done)
    if (bytesRead === 0) throw new MirrorError('INTEGRITY', `${bytes.name}: the archive is truncated: its end is missing`)
    done += bytesRead
  }
  return content
}

/** As in containerd, an index.json counts only with a file oci-layout, and then before manifest.json. */
async function findNames(bytes: ArchiveBytes, signal: AbortSignal | undefined): Promise<Pick<ImportedNames, 'names' | 'skipped'>> {
  const lists = new Map<string, Buffer>()
  let isLayout = false
  for await (const entry of scanTar(bytes, { links: true, onMissingEnd: () => undefined })) {
    signal?.throwIfAborted()
    isLayout ||= entry.path === layoutPath
    if ((entry.path === indexPath || entry.path === savePath) && entry.link === undefined)
      lists.set(entry.path, await readEntry(bytes, entry))
    if (isLayout && lists.has(indexPath)) break
  }
  const index = isLayout ? lists.get(indexPath) : undefined
  if (index !== undefined) {
    const { named, skipped } = await nameEntries(parseLayoutIndex(index), { read: () => Promise.resolve(undefined), signal })
    return { names: named.filter(({ about }) => about === undefined).map(({ reference }) => reference), skipped }
  }
  const list = lists.get(savePath)
  if (list !== undefined) return savedNames(list, bytes.name)
  throw new MirrorError('UNSUPPORTED', `${bytes.name}: not an archive of images: ${indexPath} and ${savePath} are missing`)
}

/** Reads the names in an archive in one pass, without temporary files and in constant memory. Throws UNSUPPORTED for other compressions and other files, INTEGRITY, INVALID_MANIFEST, LOCAL_IO. */
export async function readImportedNames(path: string, { signal }: CallOptions = {}): Promise<ImportedNames> {
  let handle: FileHandle
  try {
    handle = await open(path)
  } catch (error) {
    throw await localIo(error, 'read', path)
  }
  try {
    const start = Buffer.alloc(unsupportedMagicBytes)
    await handle.read(start, 0, start.length, 0)
    const unsupported = detectUnsupported(start)
    if (unsupported !== undefined) throw refuseCompression(path, unsupported)
    const compression = detectCompression(start)
    const { size } = await handle.stat()
    await using bytes =
      compression === undefined
        ? plainBytes(path, handle, size)
        : new PassingBytes(path, compression, decompress(fileChunks(handle, signal), compression))
    return { compression, ...(await findNames(bytes, signal)) }
  } catch (error) {
    signal?.throwIfAborted()
    if (isMirrorError(error) || errnoOf(error)?.startsWith('Z_') !== true) throw await localIo(error, 'read', path)
    throw new MirrorError('INTEGRITY', `${path} cannot be decompressed: it is damaged or truncated`, { cause: error })
  } finally {
    await handle.close()
  }
}
