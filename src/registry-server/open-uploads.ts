import { randomUUID } from 'node:crypto'
import { SingleFlight } from '../async/single-flight.ts'
import type { BlobWriter } from '../layout/blob-writer.ts'
import type { Layout } from '../layout/layout.ts'

const idleMilliseconds = 60 * 60 * 1000
const sweepMilliseconds = 60 * 1000
/** Uploads that one client may have open; one that pushes a large image has some dozens. */
const maxPerClient = 1000

/** A blob upload that a client has open. */
export interface OpenUpload {
  readonly id: string
  /** The repository's path; which of the layout's repositories that means is settled for each request. */
  readonly path: string
  readonly writer: BlobWriter
  /** True while a request is writing. */
  isBusy: boolean
  /** When its last byte came, or its last request. */
  usedAt: number
  /** Who opened it; nobody for one of an earlier process. */
  readonly client?: string
}

/** The uploads in progress; one that is left alone for an hour costs only its file, which the layout keeps for a day, also after the server's end. */
export class OpenUploads {
  readonly #uploads = new Map<string, OpenUpload>()
  readonly #resuming = new SingleFlight<OpenUpload | undefined>()
  readonly #suspending = new Map<string, Promise<void>>()
  readonly #perClient = new Map<string, number>()
  readonly #sweeper = setInterval(() => this.#sweep(), sweepMilliseconds).unref()

  /** How many are open. */
  get size(): number {
    return this.#uploads.size
  }

  /** Opens an upload for the client of an address; undefined for one that has too many. */
  async open(
    layout: Layout,
    path: string,
    { algorithm, client }: { readonly algorithm: 'sha256' | 'sha512'; readonly client: string },
  ): Promise<OpenUpload | undefined> {
    if ((this.#perClient.get(client) ?? 0) >= maxPerClient) return undefined
    this.#count(client, 1)
    const id = randomUUID()
    try {
      return this.#add({ id, path, client, writer: await layout.startUpload({ id, owner: path }, algorithm) })
    } catch (error) {
      this.#count(client, -1)
      throw error
    }
  }

  /** The upload of that id, where it was opened for this repository path, be it by an earlier process. */
  async find(layout: Layout, path: string, id: string): Promise<OpenUpload | undefined> {
    await this.#suspending.get(id)
    const upload = this.#uploads.get(id)
    if (upload !== undefined) {
      upload.usedAt = performance.now()
      return upload.path === path ? upload : undefined
    }
    return this.#resuming.run(`${id} ${path}`, async () => {
      const writer = await layout.resumeUpload({ id, owner: path })
      return writer && this.#add({ id, path, writer })
    })
  }

  /** True for an upload that was neither removed nor suspended. */
  has(upload: OpenUpload): boolean {
    return this.#uploads.get(upload.id) === upload
  }

  /** Forgets an upload; its writer is the caller's to commit or discard. */
  remove(upload: OpenUpload): void {
    if (this.#uploads.delete(upload.id) && upload.client !== undefined) this.#count(upload.client, -1)
  }

  /** Leaves an upload to the request that continues it from what the disk has of it. */
  async suspend(upload: OpenUpload): Promise<void> {
    this.remove(upload)
    const suspending = upload.writer.suspend().catch(() => undefined)
    this.#suspending.set(upload.id, suspending)
    await suspending
    this.#suspending.delete(upload.id)
  }

  /** Suspends every upload. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    await Promise.all([...this.#uploads.values()].map((upload) => this.suspend(upload)))
  }

  #add(opened: Pick<OpenUpload, 'id' | 'path' | 'writer' | 'client'>): OpenUpload {
    const upload = { ...opened, isBusy: false, usedAt: performance.now() }
    this.#uploads.set(upload.id, upload)
    return upload
  }

  #count(client: string, more: 1 | -1): void {
    const count = (this.#perClient.get(client) ?? 0) + more
    if (count > 0) this.#perClient.set(client, count)
    else this.#perClient.delete(client)
  }

  #sweep(): void {
    const now = performance.now()
    for (const upload of this.#uploads.values()) if (now - upload.usedAt >= idleMilliseconds) void this.suspend(upload)
  }
}
