import { randomUUID } from 'node:crypto'
import { SingleFlight } from '../async/single-flight.ts'
import type { BlobWriter } from '../layout/blob-writer.ts'
import type { Layout } from '../layout/layout.ts'

const idleMilliseconds = 60 * 60 * 1000
const sweepMilliseconds = 60 * 1000
/** Uploads that one client may have open; a push of a large image needs dozens. */
const maxPerClient = 1000

/** An open blob upload. */
export interface OpenUpload {
  readonly id: string
  /** The path of the repository; each request decides which repository of the layout that is. */
  readonly path: string
  readonly writer: BlobWriter
  /** True while a request is writing. */
  isBusy: boolean
  /** The time of its last byte or request. */
  usedAt: number
  /** The address of the client; undefined for an upload of an earlier process. */
  readonly client?: string
}

/** The uploads in progress. After an hour without requests only the file of an upload remains, which the layout keeps for a day, even across restarts. */
export class OpenUploads {
  readonly #uploads = new Map<string, OpenUpload>()
  readonly #resuming = new SingleFlight<OpenUpload | undefined>()
  readonly #suspending = new Map<string, Promise<void>>()
  readonly #perClient = new Map<string, number>()
  readonly #sweeper = setInterval(() => this.#sweep(), sweepMilliseconds).unref()

  /** The number of open uploads. */
  get size(): number {
    return this.#uploads.size
  }

  /** Opens an upload for the client at an address; undefined for a client with too many. */
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

  /** The upload with this id and repository path, also of an earlier process. */
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

  /** True for an upload that is neither removed nor suspended. */
  has(upload: OpenUpload): boolean {
    return this.#uploads.get(upload.id) === upload
  }

  /** Forgets an upload; the caller commits or discards its writer. */
  remove(upload: OpenUpload): void {
    if (this.#uploads.delete(upload.id) && upload.client !== undefined) this.#count(upload.client, -1)
  }

  /** Forgets an upload in memory; the next request continues it from the file. */
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
