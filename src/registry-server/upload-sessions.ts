import { randomUUID } from 'node:crypto'
import type { BlobWriter } from '../layout/blob-writer.ts'

const idleMilliseconds = 60 * 60 * 1000
const sweepMilliseconds = 60 * 1000

/** A blob upload that a client has open. */
export interface UploadSession {
  readonly id: string
  /** The repository's path; which of the layout's repositories that means is settled for each request. */
  readonly path: string
  readonly writer: BlobWriter
  /** True while a request is writing. */
  isBusy: boolean
  usedAt: number
}

/** The uploads in progress; one that is left alone for an hour is given up. */
export class UploadSessions {
  readonly #sessions = new Map<string, UploadSession>()
  readonly #sweeper: NodeJS.Timeout

  constructor() {
    this.#sweeper = setInterval(() => void this.#sweep(), sweepMilliseconds)
    this.#sweeper.unref()
  }

  /** Opens a session over a writer. */
  open(path: string, writer: BlobWriter): UploadSession {
    const session = { id: randomUUID(), path, writer, isBusy: false, usedAt: performance.now() }
    this.#sessions.set(session.id, session)
    return session
  }

  /** The session of that id, where it was opened for this repository path. */
  find(path: string, id: string): UploadSession | undefined {
    const session = this.#sessions.get(id)
    if (session?.path !== path) return undefined
    session.usedAt = performance.now()
    return session
  }

  /** Forgets a session; its writer is the caller's to commit or discard. */
  remove(session: UploadSession): void {
    this.#sessions.delete(session.id)
  }

  /** Gives up every upload. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    const open = [...this.#sessions.values()]
    this.#sessions.clear()
    await Promise.all(open.map(({ writer }) => writer.discard()))
  }

  async #sweep(): Promise<void> {
    const now = performance.now()
    for (const session of this.#sessions.values()) {
      if (session.isBusy || now - session.usedAt < idleMilliseconds) continue
      this.remove(session)
      await session.writer.discard()
    }
  }
}
