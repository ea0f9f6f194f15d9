import { statfs } from 'node:fs/promises'
import { MirrorError } from '../errors.ts'
import type { EngineFacts } from './negotiate.ts'

/** Bytes that have to stay free beside an image. */
const reserve = 64 * 1024 * 1024

/** Free bytes where the Engine keeps its data; undefined where that is not a directory of this machine. */
async function freeBytes(directory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  } catch {
    return undefined
  }
}

/**
 * Looks after the room where an Engine keeps its data. Before a pull nobody knows how large an image will be, so there has to be
 * room for one twice as large as the largest one so far.
 */
export class Room {
  readonly #directory: string | undefined
  #largest = 0

  constructor({ dataDirectory }: EngineFacts) {
    this.#directory = dataDirectory
  }

  /** Notes an image's bytes on disk. */
  saw(size: number): void {
    this.#largest = Math.max(this.#largest, size)
  }

  /** Throws NO_SPACE where a further image would not fit. */
  async require(): Promise<void> {
    const free = this.#directory === undefined ? undefined : await freeBytes(this.#directory)
    const needed = reserve + 2 * this.#largest
    if (free === undefined || free >= needed) return
    const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
    throw new MirrorError(
      'NO_SPACE',
      `the Docker Engine has ${megabytes(free)} free in ${this.#directory}, and ${megabytes(needed)} are wanted before each pull`,
      { side: 'source', hint: 'Make room there (docker system df), then run the same command again.' },
    )
  }
}
