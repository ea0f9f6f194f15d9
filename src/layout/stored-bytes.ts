import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { errnoOf } from './local-io.ts'

/** Milliseconds within which a directory may change twice and show one time. */
const clockStep = 2000

const looksAtOnce = 16

/** The bytes of all files in one directory, each of which has one size for good; a file is looked at once. */
export class StoredBytes {
  readonly #directory: string
  #sizes: ReadonlyMap<string, number> = new Map()
  #settledAt: number | undefined
  #looking: Promise<number> | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Bytes at this moment; 0 where the directory is missing. Throws what the system throws. */
  read(): Promise<number> {
    return (this.#looking ??= this.#read().finally(() => (this.#looking = undefined)))
  }

  async #read(): Promise<number> {
    try {
      const { mtimeMs } = await stat(this.#directory)
      if (mtimeMs !== this.#settledAt) await this.#look()
      this.#settledAt = Date.now() - mtimeMs > clockStep ? mtimeMs : undefined
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      this.#sizes = new Map()
    }
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0)
  }

  async #look(): Promise<void> {
    const before = this.#sizes
    const names = await readdir(this.#directory)
    const sizes = await pLimit(looksAtOnce).map(names, async (name) => before.get(name) ?? (await this.#sizeOf(name)))
    this.#sizes = new Map(names.map((name, at) => [name, sizes[at] ?? 0]))
  }

  /** A file that was removed in the meantime counts 0 bytes. */
  async #sizeOf(name: string): Promise<number> {
    const facts = await lstat(join(this.#directory, name)).catch(() => undefined)
    return facts?.isFile() === true ? facts.size : 0
  }
}
