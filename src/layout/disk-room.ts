import { MirrorError } from '../errors.ts'
import { freeBytes } from './local-io.ts'

/** Bytes by which the count may be wrong: parts of blobs that were written before they were reported as begun. */
const tolerance = 8 * 1024 * 1024

function formatSize(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}

/** Compares what is still to be written below a directory with the space that is free there, before it is written. */
export class DiskRoom {
  readonly #directory: string
  /** Blobs that are needed and not begun. */
  readonly #waiting = new Map<string, number>()

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Takes further blobs into account; `besides` are bytes that come on top. Throws NO_SPACE where they cannot all fit. */
  async expect(blobs: Iterable<{ readonly digest: string; readonly size: number }>, besides = 0): Promise<void> {
    for (const { digest, size } of blobs) this.#waiting.set(digest, size)
    const needed = [...this.#waiting.values()].reduce((sum, size) => sum + size, besides)
    const free = await freeBytes(this.#directory, true)
    if (free === undefined || needed <= free + tolerance) return
    throw new MirrorError(
      'NO_SPACE',
      `not enough disk space: ${formatSize(needed)} needed, ${this.#directory} has ${formatSize(free)} free`,
      {
        side: 'destination',
        hint: 'free space on that file system, or choose a directory on another one',
      },
    )
  }

  /** A blob has begun, or is not needed any more: what is written of it is missing from the free space from now on. */
  begun(digest: string): void {
    this.#waiting.delete(digest)
  }
}
