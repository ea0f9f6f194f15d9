import { createHash, randomUUID, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import { fileContent } from './file-content.ts'
import { localIo, openRegularFile, withLocalIo, writeAt } from './local-io.ts'

const bufferBytes = 512 * 1024
/** Most blobs are configs and manifests: the first buffer is small. */
const firstBufferBytes = 64 * 1024

/** A blob on its way in: private and nameless until `commit` has found its digest right. */
export interface BlobWriter {
  readonly size: number
  /** Adds a copy of the chunk; a promise means: wait before the next one. Throws LOCAL_IO. */
  write(chunk: Uint8Array): void | Promise<void>
  /** Gives the blob its name, once its bytes have this digest and, where given, this size; throws INTEGRITY, and nothing is left then. */
  commit(digest: Digest, size?: number): Promise<void>
  /** Brings everything written so far to the file, where it outlives this process, and closes it until the next `write`. Throws LOCAL_IO. */
  flush(): Promise<void>
  /** Ends writing and leaves the file to a process that knows its name. */
  suspend(): Promise<void>
  discard(): Promise<void>
}

/** Where blobs are written. */
export interface BlobDirectory {
  /** Directory of the private file; on the same file system as the final name. */
  readonly directory: string
  readonly finalPath: (digest: Digest) => string
  /** Makes renames in the directory of the final name durable. */
  readonly syncNames: (digest: Digest) => Promise<void>
  readonly durable: boolean
}

/** How one blob writer works. */
export interface BlobWriterOptions extends BlobDirectory {
  readonly algorithm: 'sha256' | 'sha512'
  /** Name of the private file; a random one by default. */
  readonly name?: string
  /** Called when the private file is no longer written to, and has its name, is gone or was left to others. */
  readonly onClosed?: () => void
}

/** Opens a private file for a blob. */
export async function openBlobWriter(options: BlobWriterOptions): Promise<BlobWriter> {
  const path = join(options.directory, options.name ?? randomUUID())
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  return new FileBlobWriter(path, await withLocalIo('write', dirname(path), () => open(path, flags, 0o600)), options, 0)
}

/** Opens a private file that another writer left, to append to it; undefined without a regular file of that name. */
export async function reopenBlobWriter(options: BlobWriterOptions & { readonly name: string }): Promise<BlobWriter | undefined> {
  const path = join(options.directory, options.name)
  const file = await openRegularFile(path, constants.O_RDWR)
  return file && new FileBlobWriter(path, file.handle, options, file.stats.size)
}

/** Collects chunks in one buffer while the other is being written, so that the sender waits only for a slow disk. */
class FileBlobWriter implements BlobWriter {
  size: number
  readonly #path: string
  /** None while nothing is written: an upload that waits for its client costs no descriptor. */
  #handle: FileHandle | undefined
  readonly #options: BlobWriterOptions
  /** None for a file that was begun by another writer: it is read again at the end. */
  readonly #hash: Hash | undefined
  #filling: Buffer | undefined
  #spare: Buffer | undefined
  #filled = 0
  #flushed: number
  #writing: Promise<void> | undefined
  #failure: unknown
  #isReleased = false

  constructor(path: string, handle: FileHandle, options: BlobWriterOptions, size: number) {
    this.#path = path
    this.#handle = handle
    this.#options = options
    this.size = size
    this.#flushed = size
    this.#hash = size === 0 ? createHash(options.algorithm) : undefined
  }

  write(chunk: Uint8Array): void | Promise<void> {
    if (this.#failure !== undefined) return this.#fail()
    this.#hash?.update(chunk)
    this.size += chunk.length
    return this.#take(chunk)
  }

  #take(chunk: Uint8Array): void | Promise<void> {
    let rest = chunk
    while (rest.length > 0) {
      this.#filling ??= Buffer.allocUnsafeSlow(this.#flushed === 0 && this.#writing === undefined ? firstBufferBytes : bufferBytes)
      const piece = rest.subarray(0, this.#filling.length - this.#filled)
      this.#filling.set(piece, this.#filled)
      this.#filled += piece.length
      rest = rest.subarray(piece.length)
      if (this.#filled === this.#filling.length) {
        if (this.#writing !== undefined) return this.#takeLater(rest)
        this.#flush()
      }
    }
  }

  async #takeLater(rest: Uint8Array): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    if (this.#failure !== undefined) await this.#fail()
    this.#flush()
    await this.#take(rest)
  }

  /** Starts writing the filled buffer; its failure is kept for the next call. No write starts after a failure. */
  #flush(): void {
    const buffer = this.#filling
    if (buffer === undefined || this.#filled === 0 || this.#writing !== undefined) return
    const length = this.#filled
    this.#filling = this.#spare
    this.#spare = undefined
    this.#filled = 0
    this.#writing = this.#writeAll(buffer, length)
  }

  async #writeAll(buffer: Buffer, length: number): Promise<void> {
    try {
      await writeAt(await this.#open(), buffer.subarray(0, length), this.#flushed)
      this.#flushed += length
      if (buffer.length === bufferBytes) this.#spare = buffer
    } catch (error) {
      this.#failure = error
    } finally {
      this.#writing = undefined
    }
  }

  async #fail(): Promise<never> {
    throw await localIo(this.#failure, 'write', dirname(this.#path))
  }

  /** The open file; opened again where it was closed meanwhile. */
  async #open(): Promise<FileHandle> {
    if (this.#handle !== undefined) return this.#handle
    const handle = await open(this.#path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    this.#handle = handle
    // The digest is that of the bytes that came: they must be the ones that are here.
    if ((await handle.stat()).size !== this.#flushed) throw new MirrorError('LOCAL_IO', `${this.#path} was changed by another program`)
    return handle
  }

  async #writeRest(): Promise<void> {
    for (;;) {
      await this.#writing
      if (this.#failure !== undefined) await this.#fail()
      if (this.#writing === undefined && this.#filled === 0) return
      this.#flush()
    }
  }

  async flush(): Promise<void> {
    await this.#writeRest()
    // Somebody is writing again.
    if (this.#writing !== undefined || this.#filled > 0) return
    this.#filling = undefined
    this.#spare = undefined
    await this.#close()
  }

  async suspend(): Promise<void> {
    try {
      if (this.#failure === undefined) await this.flush()
    } finally {
      await this.#end('the upload was suspended')
      this.#release()
    }
  }

  async commit(digest: Digest, size?: number): Promise<void> {
    try {
      await this.#writeRest()
      this.#failure = new MirrorError('CANCELLED', 'the upload has ended')
      if (size !== undefined && size !== this.size) throw new MirrorError('INTEGRITY', `${digest} has ${this.size} bytes, expected ${size}`)
      const actual = await this.#digest(digest)
      if (actual !== digest) throw new MirrorError('INTEGRITY', `content of ${digest} has the digest ${actual}`)
      const path = this.#options.finalPath(digest)
      await withLocalIo('write', dirname(path), async () => {
        const handle = await this.#open()
        await handle.chmod(0o644)
        if (this.#options.durable) await handle.datasync()
        await this.#close()
        await rename(this.#path, path)
        this.#release()
        if (this.#options.durable) await this.#options.syncNames(digest)
      })
    } catch (error) {
      await this.discard()
      throw error
    }
  }

  async #digest(wanted: Digest): Promise<string> {
    const algorithm = wanted.slice(0, 6)
    if (this.#hash !== undefined && algorithm === this.#options.algorithm) return `${algorithm}:${this.#hash.digest('hex')}`
    const hash = createHash(algorithm)
    const content = fileContent(await this.#open(), { path: this.#path, offset: 0, size: this.size, isShared: true })
    await content.read((chunk) => void hash.update(chunk))
    return `${algorithm}:${hash.digest('hex')}`
  }

  async #close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  /** Ends writing for good: with a failure first, so that the file is not opened again. */
  async #end(why: string): Promise<void> {
    this.#failure ??= new MirrorError('CANCELLED', why)
    await this.#writing
    await this.#close().catch(() => undefined)
  }

  /** Not before the file has its name or is gone: a later open would write to a blob in use, or to a removed file. */
  #release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#options.onClosed?.()
  }

  async discard(): Promise<void> {
    await this.#end('the upload was discarded')
    await rm(this.#path, { force: true }).catch(() => undefined)
    this.#release()
  }
}
