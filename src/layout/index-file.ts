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

const maxIndexBytes = 256 * 1024 * 1024

/** How index.json is written. */
export interface IndexFileOptions {
  readonly directory: string
  /** Where the new version is written before it takes the old one's place. */
  readonly privateDirectory: string
  readonly durable: boolean
}

/** The layout's index.json: one entry a tag, each found by its full reference; entries of other tools are kept as they are. */
export class IndexFile {
  readonly #options: IndexFileOptions
  readonly #path: string
  /** Every entry as one line of JSON, so that writing the file again costs a join; where several have one name, all of them. */
  readonly #lines = new Map<string, string>()
  #rest: Record<string, unknown> = { schemaVersion: 2, mediaType: mediaTypes.ociIndex }
  readonly #commit = new GroupCommit(() => this.#write())

  constructor(options: IndexFileOptions) {
    this.#options = options
    this.#path = join(options.directory, 'index.json')
  }

  /** Reads the file, which may be missing, and names its entries; throws INVALID_MANIFEST. */
  async read(naming: NamingOptions): Promise<NamedEntries> {
    const file = await openRegularFile(this.#path)
    if (file === undefined) return { named: [], skipped: [], unnamed: [] }
    let document: unknown
    try {
      if (file.stats.size > maxIndexBytes) throw new Error(`larger than ${maxIndexBytes} bytes`)
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

  /** Writes the file; needed where nothing has changed but it is missing. */
  write(): Promise<void> {
    return this.#commit.run()
  }

  async #change(name: string, line: string | undefined): Promise<void> {
    const before = this.#lines.get(name)
    if (before === line) return this.#commit.run()
    this.#put(name, line)
    try {
      await this.#commit.run()
    } catch (error) {
      if (this.#lines.get(name) === line) this.#put(name, before)
      throw error
    }
  }

  #put(name: string, line: string | undefined): void {
    if (line === undefined) this.#lines.delete(name)
    else this.#lines.set(name, line)
  }

  async #write(): Promise<void> {
    const { directory, privateDirectory, durable } = this.#options
    const temporary = join(privateDirectory, `index-${randomUUID()}`)
    const head = JSON.stringify(this.#rest).slice(0, -1)
    const text = `${head},"manifests":[\n${[...this.#lines.values()].join(',\n')}\n]}\n`
    try {
      const handle = await open(temporary, 'wx', 0o644)
      try {
        await handle.writeFile(text)
        if (durable) await handle.datasync()
      } finally {
        await handle.close()
      }
      await rename(temporary, this.#path)
      if (durable) await syncDirectory(directory)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined)
      throw await localIo(error, 'write', this.#path)
    }
  }
}
