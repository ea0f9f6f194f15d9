import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { syncDirectory } from './blob-store.ts'
import { openRegularFile } from './file-content.ts'
import { GroupCommit } from './group-commit.ts'
import { formatIndexEntry } from './index-entry.ts'
import { localIo } from './local-io.ts'
import { nameEntries, type NamedEntries, type NamingOptions } from './name-entries.ts'

const mebibyte = 1024 * 1024

/** How index.json is written. */
export interface IndexFileOptions {
  readonly directory: string
  readonly durable: boolean
  /** Bytes that the file may have (default 256 MiB); what is larger is neither read nor written. */
  readonly maxBytes?: number
}

/** The layout's index.json: one entry a tag, each found by its full reference; entries of other tools are kept as they are. */
export class IndexFile {
  readonly #options: IndexFileOptions
  readonly #path: string
  readonly #maxBytes: number
  /** Every entry as one line of JSON, so that writing the file again costs a join; where several have one name, all of them. */
  readonly #lines = new Map<string, string>()
  /** Counts the changes of the lines, and those that the file has; a file that is missing has none. */
  #changes = 0
  #written = -1
  #size = 0
  #privateDirectory = ''
  #rest: Record<string, unknown> = { schemaVersion: 2, mediaType: mediaTypes.ociIndex }
  readonly #commit = new GroupCommit(() => this.#write())

  constructor(options: IndexFileOptions) {
    this.#options = options
    this.#path = join(options.directory, 'index.json')
    this.#maxBytes = options.maxBytes ?? 256 * mebibyte
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#size
  }

  /** Reads the file, which may be missing, and names its entries; throws INVALID_MANIFEST. */
  async read(naming: NamingOptions): Promise<NamedEntries> {
    const file = await openRegularFile(this.#path)
    if (file === undefined) return { named: [], skipped: [], unnamed: [] }
    let document: unknown
    try {
      if (file.stats.size > this.#maxBytes) throw new Error(`larger than ${this.#maxBytes} bytes`)
      document = JSON.parse(await file.handle.readFile('utf8'))
    } catch (cause) {
      throw new MirrorError('INVALID_MANIFEST', `${this.#path} is not the index of an OCI layout`, { cause })
    } finally {
      await file.handle.close()
    }
    const entries = isJsonObject(document) ? document['manifests'] : undefined
    if (!isJsonObject(document) || !Array.isArray(entries))
      throw new MirrorError('INVALID_MANIFEST', `${this.#path} is not the index of an OCI layout`)
    const { manifests: _, ...rest } = document
    this.#rest = rest
    this.#size = file.stats.size
    this.#written = 0
    const found = await nameEntries(entries as unknown[], naming)
    const names = new Map(found.named.map(({ at, reference }) => [at, formatReference(reference)]))
    for (const [at, entry] of (entries as unknown[]).entries()) {
      const name = names.get(at) ?? `\n${at}`
      const before = this.#lines.get(name)
      this.#lines.set(name, before === undefined ? JSON.stringify(entry) : `${before},\n${JSON.stringify(entry)}`)
    }
    return found
  }

  /** Gives a tag to a manifest and waits until any reader finds it. */
  async set(reference: Reference, descriptor: Descriptor): Promise<void> {
    const name = formatReference(reference)
    await this.#change(name, formatIndexEntry(reference, descriptor))
  }

  /** Takes tags away and waits until no reader finds them. */
  async remove(references: readonly Reference[]): Promise<void> {
    await Promise.all(references.map((reference) => this.#change(formatReference(reference), undefined)))
  }

  /** Writes the file if it is missing; new versions are made in this directory, which belongs to the one writer. */
  async openForWriting(privateDirectory: string): Promise<void> {
    this.#privateDirectory = privateDirectory
    await this.#save()
  }

  async #change(name: string, line: string | undefined): Promise<void> {
    const before = this.#lines.get(name)
    if (before !== line) this.#put(name, line)
    try {
      await this.#save()
    } catch (error) {
      if (before !== line && this.#lines.get(name) === line) this.#put(name, before)
      throw error
    }
  }

  /** A change that is being written is waited for, and nothing is written where nothing has changed. */
  async #save(): Promise<void> {
    if (this.#written !== this.#changes) await this.#commit.run()
  }

  #put(name: string, line: string | undefined): void {
    this.#changes++
    if (line === undefined) this.#lines.delete(name)
    else this.#lines.set(name, line)
  }

  async #write(): Promise<void> {
    const { directory, durable } = this.#options
    const temporary = join(this.#privateDirectory, `index-${randomUUID()}`)
    const changes = this.#changes
    const head = JSON.stringify(this.#rest).slice(0, -1)
    const bytes = Buffer.from(`${head},"manifests":[\n${[...this.#lines.values()].join(',\n')}\n]}\n`)
    if (bytes.length > this.#maxBytes) {
      throw new MirrorError('NO_SPACE', `${this.#path} would be larger than ${this.#maxBytes / mebibyte} MiB`, {
        hint: 'Delete tags, or put these images into another layout.',
      })
    }
    try {
      const handle = await open(temporary, 'wx', 0o644)
      try {
        await handle.writeFile(bytes)
        if (durable) await handle.datasync()
      } finally {
        await handle.close()
      }
      await rename(temporary, this.#path)
      if (durable) await syncDirectory(directory)
      this.#written = changes
      this.#size = bytes.length
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined)
      throw await localIo(error, 'write', this.#path)
    }
  }
}
