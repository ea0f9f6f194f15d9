import { createHash } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openBlobWriter, reopenBlobWriter, type BlobWriter, type BlobDirectory } from './blob-writer.ts'
import { withLocalIo } from './local-io.ts'
import { makeDirectory } from './make-directory.ts'

const keptMilliseconds = 24 * 60 * 60 * 1000
const purgeMilliseconds = 60 * 60 * 1000
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const keptName = /^[0-9a-f-]{36}\.[0-9a-f]{32}$/

/** An upload that outlives its process: a lower-case UUID, and whose it is; who asks for another's does not find it. */
export interface UploadKey {
  readonly id: string
  readonly owner: string
}

/** The file of an upload that is kept; undefined for an invalid id, so that no path leaves the directory. */
function fileName({ id, owner }: UploadKey): string | undefined {
  return uuid.test(id) ? `${id}.${createHash('sha256').update(owner).digest('hex').slice(0, 32)}` : undefined
}

/** Blobs on their way in. Most go with their process; a kept one can be resumed for a day. A file gets its name in `blobs` once its bytes have been hashed. */
export class UploadFiles {
  readonly #blobs: BlobDirectory
  readonly #open = new Set<string>()
  #purgedAt = 0

  constructor(blobs: BlobDirectory) {
    this.#blobs = blobs
  }

  /** Makes the directory and removes what dead writers left, but uploads that may still be continued: none after one that may be alive. Only for the one writer. */
  async prepare(isTakeover: boolean): Promise<void> {
    await makeDirectory(this.#blobs.directory, 0o700)
    await this.#remove((name) => isTakeover || !keptName.test(name))
    await this.purge()
  }

  start(algorithm: 'sha256' | 'sha512'): Promise<BlobWriter> {
    return openBlobWriter({ ...this.#blobs, algorithm })
  }

  async startKept(key: UploadKey, algorithm: 'sha256' | 'sha512'): Promise<BlobWriter> {
    const name = fileName(key)
    if (name === undefined) throw new TypeError('the id of an upload is a UUID')
    if (performance.now() - this.#purgedAt > purgeMilliseconds) await this.purge()
    return this.#opened(name, (onClosed) => openBlobWriter({ ...this.#blobs, algorithm, name, onClosed }))
  }

  /** Resumes an upload that was kept, after the bytes on the disk; undefined for an unknown upload, or one that is being written to. */
  async resume(key: UploadKey): Promise<BlobWriter | undefined> {
    const name = fileName(key)
    if (name === undefined || this.#open.has(name)) return undefined
    return this.#opened(name, (onClosed) => reopenBlobWriter({ ...this.#blobs, algorithm: 'sha256', name, onClosed }))
  }

  async #opened<W extends BlobWriter | undefined>(name: string, open: (onClosed: () => void) => Promise<W>): Promise<W> {
    const forget = (): void => void this.#open.delete(name)
    this.#open.add(name)
    try {
      const writer = await open(forget)
      if (writer === undefined) forget()
      // Its client comes when it likes: until then it holds no descriptor.
      await writer?.flush()
      return writer
    } catch (error) {
      forget()
      throw error
    }
  }

  /** Removes uploads that no client has continued for a day. */
  async purge(): Promise<void> {
    this.#purgedAt = performance.now()
    const now = Date.now()
    await this.#remove(async (name) => {
      if (this.#open.has(name) || !keptName.test(name)) return false
      const facts = await stat(join(this.#blobs.directory, name)).catch(() => undefined)
      return facts === undefined || now - facts.mtimeMs > keptMilliseconds
    })
  }

  async #remove(isOld: (name: string) => boolean | Promise<boolean>): Promise<void> {
    const { directory } = this.#blobs
    await withLocalIo('write', directory, async () => {
      for (const name of await readdir(directory)) if (await isOld(name)) await rm(join(directory, name), { force: true })
    })
  }
}
