import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isRegistry, isRepositoryPath, type Repository } from '../oci/reference.ts'
import { openRegularFile } from './file-content.ts'
import { GroupCommit } from './group-commit.ts'
import { localIo } from './local-io.ts'

/** That a repository has a manifest, or, with `deleted`, that it has it no more. */
export interface ManifestRecord {
  readonly repository: Repository
  readonly descriptor: Descriptor
  readonly subject?: Digest | undefined
  readonly deleted?: boolean
}

function formatRecord(record: ManifestRecord): string {
  const { repository, descriptor, subject, deleted } = record
  const { digest, mediaType, size } = descriptor
  return `${JSON.stringify({ registry: repository.registry, path: repository.path, digest, mediaType, size, subject, deleted })}\n`
}

/** Reads one line; undefined for one that a crash cut off, or that is none of ours. */
function parseRecord(line: string): ManifestRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { registry, path, digest, mediaType, size, subject, deleted } = value as Record<string, unknown>
  if (typeof registry !== 'string' || !isRegistry(registry) || typeof path !== 'string' || !isRepositoryPath(path)) return undefined
  if (typeof digest !== 'string' || !isDigest(digest) || typeof mediaType !== 'string' || typeof size !== 'number') return undefined
  return {
    repository: { registry, path },
    descriptor: { mediaType, digest, size },
    ...(typeof subject === 'string' && isDigest(subject) && { subject }),
    ...(deleted === true && { deleted }),
  }
}

/**
 * Remembers which repository has which manifest: index.json knows tags only, and a manifest without one, as every child of an index is, belongs
 * to a repository too. One line a record, only ever appended to, so that the thousandth manifest costs what the first did.
 */
export class ManifestJournal {
  readonly #path: string
  readonly #durable: boolean
  readonly #commit = new GroupCommit(() => this.#append())
  #handle: FileHandle | undefined
  #length = 0
  #waiting: string[] = []

  constructor(path: string, durable: boolean) {
    this.#path = path
    this.#durable = durable
  }

  /** Every whole record, oldest first; no file is no records. */
  async read(): Promise<ManifestRecord[]> {
    const file = await openRegularFile(this.#path)
    if (file === undefined) return []
    try {
      const text = await file.handle.readFile('utf8')
      const whole = text.slice(0, text.lastIndexOf('\n') + 1)
      this.#length = Buffer.byteLength(whole)
      return whole
        .split('\n')
        .map((line) => parseRecord(line))
        .filter((record) => record !== undefined)
    } catch (error) {
      throw await localIo(error, 'read', this.#path)
    } finally {
      await file.handle.close()
    }
  }

  /** Opens the file for the one writer, and cuts off a line that a crash left unfinished. */
  async openForWriting(): Promise<void> {
    try {
      this.#handle = await open(this.#path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
      await this.#handle.truncate(this.#length)
    } catch (error) {
      throw await localIo(error, 'write', this.#path)
    }
  }

  /** Adds records and waits until a later reader finds them. */
  append(records: readonly ManifestRecord[]): Promise<void> {
    for (const record of records) this.#waiting.push(formatRecord(record))
    return this.#commit.run()
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #append(): Promise<void> {
    const bytes = Buffer.from(this.#waiting.join(''))
    this.#waiting = []
    try {
      if (this.#handle === undefined) throw new Error('the layout is closed')
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, this.#length + done)
        done += bytesWritten
      }
      if (this.#durable) await this.#handle.datasync()
      this.#length += bytes.length
    } catch (error) {
      // Half a line must not swallow the next one.
      await this.#handle?.truncate(this.#length).catch(() => undefined)
      throw await localIo(error, 'write', this.#path)
    }
  }
}
