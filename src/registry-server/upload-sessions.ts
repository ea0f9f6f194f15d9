import { randomUUID } from 'node:crypto'
import type { BlobWriter } from '../layout/blob-writer.ts'
import type { Layout } from '../layout/layout.ts'

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

/** The uploads in progress. One that is left alone for an hour costs only its file, which the layout keeps for a day, also after the server's end. */
export class UploadSessions {
  readonly #sessions = new Map<string, UploadSession>()
  readonly #resuming = new Map<string, Promise<UploadSession | undefined>>()
  readonly #suspending = new Map<string, Promise<void>>()
  readonly #sweeper: NodeJS.Timeout

  constructor() {
    this.#sweeper = setInterval(() => void this.#sweep(), sweepMilliseconds)
    this.#sweeper.unref()
  }

  /** How many are open. */
  get size(): number {
    return this.#sessions.size
  }

  /** Opens a session. */
  async open(layout: Layout, path: string, algorithm: 'sha256' | 'sha512'): Promise<UploadSession> {
    const id = randomUUID()
    return this.#add(id, path, await layout.startUpload({ id, owner: path }, algorithm))
  }

  /** The session of that id, where it was opened for this repository path, be it by an earlier process. */
  async find(layout: Layout, path: string, id: string): Promise<UploadSession | undefined> {
    await this.#suspending.get(id)
    const session = this.#sessions.get(id)
    if (session !== undefined) {
      session.usedAt = performance.now()
      return session.path === path ? session : undefined
    }
    const name = `${id} ${path}`
    const resuming = this.#resuming.get(name) ?? this.#resume(layout, path, id).finally(() => this.#resuming.delete(name))
    this.#resuming.set(name, resuming)
    return resuming
  }

  /** True for a session that was neither removed nor suspended. */
  has(session: UploadSession): boolean {
    return this.#sessions.get(session.id) === session
  }

  /** Forgets a session; its writer is the caller's to commit or discard. */
  remove(session: UploadSession): void {
    this.#sessions.delete(session.id)
  }

  /** Leaves a session to whoever continues it from what the disk has of it. */
  async suspend(session: UploadSession): Promise<void> {
    this.remove(session)
    const suspending = session.writer.suspend().catch(() => undefined)
    this.#suspending.set(session.id, suspending)
    await suspending
    this.#suspending.delete(session.id)
  }

  /** Suspends every upload. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    await Promise.all([...this.#sessions.values()].map((session) => this.suspend(session)))
  }

  async #resume(layout: Layout, path: string, id: string): Promise<UploadSession | undefined> {
    const writer = await layout.resumeUpload({ id, owner: path })
    return writer === undefined ? undefined : this.#add(id, path, writer)
  }

  #add(id: string, path: string, writer: BlobWriter): UploadSession {
    const session = { id, path, writer, isBusy: false, usedAt: performance.now() }
    this.#sessions.set(id, session)
    return session
  }

  async #sweep(): Promise<void> {
    const now = performance.now()
    for (const session of this.#sessions.values())
      if (!session.isBusy && now - session.usedAt >= idleMilliseconds) await this.suspend(session)
  }
}
