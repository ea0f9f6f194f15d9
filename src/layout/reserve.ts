import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { GroupCommit } from './group-commit.ts'
import { isDiskFull, syncDirectory } from './local-io.ts'

const leastBytes = 64 * 1024
const chunkBytes = 1024 * 1024
const blockBytes = 4096

/** A file that only takes up space, so that a full disk has room for the writes that a deletion needs. */
export class Reserve {
  readonly #path: string
  readonly #fills = new GroupCommit(() => this.#fill())
  #size = 0
  #wanted = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Does the work; where the disk is full, removes the reserve and does it once more. */
  async spend<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isDiskFull(error)) throw error
      this.#size = 0
      // Removing a file needs no space, or what the file system keeps for that; to shorten or overwrite one may need some.
      await rm(this.#path, { force: true })
      // Some file systems give the space back with their next transaction.
      await syncDirectory(dirname(this.#path))
      return work()
    }
  }

  /** Makes the reserve as large as so many bytes need, as far as the disk has room; a failure is not an error. */
  async fill(bytes: number): Promise<void> {
    // Steps of two, so that a layout that grows pays for it seldom.
    this.#wanted = leastBytes
    while (this.#wanted < bytes) this.#wanted *= 2
    if (this.#size !== this.#wanted) await this.#fills.run()
  }

  async #fill(): Promise<void> {
    let handle
    try {
      handle = await open(this.#path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600)
      this.#size = (await handle.stat()).size
      if (this.#size > this.#wanted) {
        await handle.truncate(this.#wanted)
        this.#size = this.#wanted
      }
      for (let chunk = chunkBytes; chunk >= blockBytes && this.#size < this.#wanted;) {
        // Random, because a file system that compresses keeps no space for zeros.
        const bytes = randomBytes(Math.min(chunk, this.#wanted - this.#size))
        const written = await handle.write(bytes).catch(() => undefined)
        if (written === undefined) chunk /= 2
        else this.#size += written.bytesWritten
      }
    } catch {
      // There is no reserve then, and deletions work for as long as the disk has room.
    } finally {
      await handle?.close().catch(() => undefined)
    }
  }
}
