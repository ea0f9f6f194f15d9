import { statfs } from 'node:fs/promises'
import { MirrorError } from '../errors.ts'

/** Bytes that have to stay free in addition to an image. */
const reserve = 64 * 1024 * 1024

/** Watches the space in a directory of this machine: how large an image will be is not known, so there has to be space for twice the largest so far. */
export class DiskSpace {
  readonly #directory: string | undefined
  #largest = 0

  constructor(directory: string | undefined) {
    this.#directory = directory
  }

  /** Notes an image's bytes on disk. */
  noteImage(size: number): void {
    this.#largest = Math.max(this.#largest, size)
  }

  /** Throws NO_SPACE where a further image would not fit. */
  async require(): Promise<void> {
    if (this.#directory === undefined) return
    const found = await statfs(this.#directory).catch(() => undefined)
    const needed = reserve + 2 * this.#largest
    if (found === undefined || found.bavail * found.bsize >= needed) return
    const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
    const free = megabytes(found.bavail * found.bsize)
    throw new MirrorError(
      'NO_SPACE',
      `the Docker Engine has ${free} free in ${this.#directory}, but ${megabytes(needed)} are required before each pull`,
      { side: 'source', hint: 'free space there (see docker system df), then run the same command again' },
    )
  }
}
