import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

interface OpenPart {
  readonly handle: FileHandle
  readonly hash: Hash
  /** Bytes that it still has room for. */
  left: number
}

/** Writes bytes into the files `part-1`, `part-2` and so on of a directory, of one size but the last, and hashes each. */
export class PartsWriter {
  /** Of the files, in their order. */
  readonly paths: string[] = []
  /** SHA-256 in hexadecimal digits, by the same order. */
  readonly hashes: string[] = []
  readonly #directory: string
  readonly #size: number
  #current: OpenPart | undefined

  constructor(directory: string, size: number) {
    this.#directory = directory
    this.#size = size
  }

  /** Writes all chunks; each file is safely on the disk when it is closed. */
  async write(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length;) {
        const part = (this.#current ??= await this.#open())
        const piece = chunk.subarray(at, at + Math.min(part.left, chunk.length - at))
        part.hash.update(piece)
        await part.handle.writeFile(piece)
        part.left -= piece.length
        at += piece.length
        if (part.left === 0) await this.#finish()
      }
    }
    await this.#finish()
  }

  /** Closes what an interruption left open. */
  async close(): Promise<void> {
    await this.#current?.handle.close()
    this.#current = undefined
  }

  async #open(): Promise<OpenPart> {
    const path = join(this.#directory, `part-${this.paths.length + 1}`)
    this.paths.push(path)
    await rm(path, { force: true })
    const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644)
    return { handle, hash: createHash('sha256'), left: this.#size }
  }

  async #finish(): Promise<void> {
    const part = this.#current
    if (part === undefined) return
    await part.handle.sync()
    await part.handle.close()
    this.#current = undefined
    this.hashes.push(part.hash.digest('hex'))
  }
}
