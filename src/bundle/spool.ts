import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Changes } from '../async/changes.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import { localIo } from '../layout/local-io.ts'
import type { ArchiveBytes } from './archive-bytes.ts'
import { decompress, type Compression } from './compression.ts'

const chunkBytes = 256 * 1024
/** What is made to fill a disk shrinks a thousand times and more; archives of images do so ten times at best. */
const mostGrowth = 200
/** Bytes that may come of any number of them. */
const freeBytes = 256 * 1024 ** 2

/** Throws LOCAL_IO for temporary files that cannot be written. */
async function cannotSpool(name: string, error: unknown): Promise<never> {
  throw (await localIo(error, 'write decompressed data to', tmpdir())).with({
    hint: `free space there, set TMPDIR=<directory>, or decompress ${name} and pass the .tar`,
  })
}

/** What a compressed archive holds, decompressed once into a nameless temporary file: bytes are read while later ones are still on their way. */
export class Spool implements ArchiveBytes {
  readonly name: string
  readonly compression: Compression
  readonly isSplit: boolean
  readonly #compressed: ArchiveBytes
  readonly #handle: FileHandle
  #stopped: { readonly reason: unknown } | undefined
  readonly #ended: Promise<void>
  #size = 0
  #taken = 0
  #isEnded = false
  #failure: unknown
  readonly #changes = new Changes()

  private constructor(compressed: ArchiveBytes, handle: FileHandle, compression: Compression) {
    this.name = compressed.name
    this.compression = compression
    this.isSplit = compressed.isSplit === true
    this.#compressed = compressed
    this.#handle = handle
    this.#ended = this.#run(compression)
  }

  /** Begins to decompress; closes the compressed bytes when it is closed itself. Throws LOCAL_IO. */
  static async open(compressed: ArchiveBytes, compression: Compression): Promise<Spool> {
    const path = join(tmpdir(), `k3s-mirror-${randomUUID()}`)
    let handle
    try {
      handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
      await rm(path)
      return new Spool(compressed, handle, compression)
    } catch (error) {
      await handle?.close()
      return cannotSpool(compressed.name, error)
    }
  }

  async reaches(position: number): Promise<boolean> {
    while (this.#size < position) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#isEnded) return false
      await this.#changes.next()
    }
    return true
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }> {
    if (!(await this.reaches(position + 1))) return { bytesRead: 0 }
    return this.#handle.read(buffer, offset, Math.min(length, this.#size - position), position)
  }

  stop(reason: unknown): void {
    this.#stopped ??= { reason }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop(new DOMException('the archive was closed', 'AbortError'))
    await this.#ended
    try {
      await this.#handle.close()
    } finally {
      await this.#compressed[Symbol.asyncDispose]()
    }
  }

  async #run(compression: Compression): Promise<void> {
    try {
      for await (const chunk of decompress(this.#chunks(), compression)) {
        if (this.#stopped !== undefined) throw this.#stopped.reason
        if (this.#size > freeBytes && this.#size > mostGrowth * this.#taken) {
          const why = `decompresses to more than ${mostGrowth} times its size: refused as a decompression bomb`
          throw new MirrorError('INTEGRITY', `${this.name} ${why}`, {
            hint: 'if the file is trusted, decompress it and pass the .tar',
          })
        }
        await this.#handle.writeFile(chunk).catch((error: unknown) => cannotSpool(this.name, error))
        this.#size += chunk.length
        this.#changes.notify()
      }
    } catch (error) {
      const why = error instanceof Error ? ` (${error.message})` : ''
      const damaged = new MirrorError('INTEGRITY', `${this.name} cannot be decompressed: it is damaged or truncated${why}`, {
        cause: error,
        hint: 'copy the file again from the machine that created it, and compare its checksum; zstd windows of more than 128 MiB are unsupported',
      })
      this.#failure = this.#stopped?.reason ?? (isMirrorError(error) ? error : damaged)
    }
    this.#isEnded = true
    this.#changes.notify()
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      const buffer = Buffer.allocUnsafe(chunkBytes)
      const { bytesRead } = await this.#compressed.read(buffer, 0, chunkBytes, this.#taken)
      if (bytesRead === 0) return
      this.#taken += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }
}
