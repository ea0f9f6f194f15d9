import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { formatIndexEntry } from './entry-name.ts'
import { entryReleases, withReleases } from './entry-releases.ts'
import { GroupCommit } from './group-commit.ts'
import { openRegularFile, syncDirectory, withLocalIo } from './local-io.ts'
import { nameEntries, type NamedEntries, type EntryNamingOptions } from './name-entries.ts'
import { replaceFile } from './replace-file.ts'

const mebibyte = 1024 * 1024

/** What an index.json lists. */
export interface IndexEntries extends NamedEntries {
  /** The digests of all entries that stand neither for a tag nor for a named digest. */
  readonly kept: readonly Digest[]
}

function digestIn(entry: unknown): readonly Digest[] {
  const digest = isJsonObject(entry) ? entry['digest'] : undefined
  return typeof digest === 'string' && isDigest(digest) ? [digest] : []
}

/** The name by which an entry is changed: a tag moves, whatever digest its name also has. */
function nameOfEntry({ registry, path, tag, digest }: Reference): string {
  return formatReference(tag === undefined ? { registry, path, ...(digest && { digest }) } : { registry, path, tag })
}

/** The layout's index.json: one entry a tag, each found by its full reference; entries of other tools are kept as they are. */
export class IndexFile {
  /** The releases that entries list, by full reference. */
  readonly releases: Map<string, readonly string[]> = new Map()
  readonly #path: string
  readonly #durable: boolean
  readonly #maxBytes: number
  /** Every entry as one line of JSON, so that writing the file again costs a join; where several have one name, all of them. */
  readonly #lines = new Map<string, string>()
  /** Counts the changes of the lines, and those that the file has: -1 where it is missing. */
  #changes = 0
  #written = -1
  #size = 0
  #privateDirectory = ''
  #rest: Record<string, unknown> = { schemaVersion: 2, mediaType: mediaTypes.ociIndex }
  readonly #commit = new GroupCommit(() => this.#write())

  /** The file may have `maxBytes` bytes (default 256 MiB); what is larger is neither read nor written. */
  constructor(directory: string, durable: boolean, maxBytes: number = 256 * mebibyte) {
    this.#path = join(directory, 'index.json')
    this.#durable = durable
    this.#maxBytes = maxBytes
  }

  get size(): number {
    return this.#size
  }

  /** Reads the file, which may be missing, and names its entries; throws INVALID_MANIFEST. */
  async read(naming: EntryNamingOptions): Promise<IndexEntries> {
    const file = await openRegularFile(this.#path)
    if (file === undefined) return { named: [], skipped: [], kept: [] }
    let entries: readonly unknown[]
    try {
      if (file.stats.size > this.#maxBytes) throw new Error(`larger than ${this.#maxBytes} bytes`)
      const { manifests, ...rest } = JSON.parse(await file.handle.readFile('utf8')) as { readonly manifests: unknown }
      if (!Array.isArray(manifests)) throw new Error('it has no list of manifests')
      entries = manifests
      this.#rest = rest
    } catch (cause) {
      throw new MirrorError('INVALID_MANIFEST', `${this.#path} is not the index of an OCI layout`, { cause })
    } finally {
      await file.handle.close()
    }
    this.#size = file.stats.size
    this.#written = 0
    const { named, skipped } = await nameEntries(entries, naming)
    const names = new Map(named.map(({ at, reference }) => [at, nameOfEntry(reference)]))
    // Where several entries have one name, the last one counts.
    const counted = new Set(new Map([...names].map(([at, name]) => [name, at])).values())
    for (const [at, entry] of entries.entries()) {
      const name = names.get(at) ?? `\n${at}`
      const before = this.#lines.get(name)
      this.#setLine(name, before === undefined ? JSON.stringify(entry) : `${before},\n${JSON.stringify(entry)}`)
    }
    return { named, skipped, kept: entries.flatMap((entry, at) => (counted.has(at) ? [] : digestIn(entry))) }
  }

  /** Gives a tag to a manifest and waits until any reader finds it; the releases of a tag that had the same manifest stay. */
  async set(reference: Reference, descriptor: Descriptor): Promise<void> {
    const name = formatReference(reference)
    const line = formatIndexEntry(reference, descriptor)
    const before = entryReleases(this.#lines.get(name) ?? '')
    await this.#change(name, before?.digest === descriptor.digest ? withReleases(line, before.releases) : line)
  }

  /** Lists releases in the entry of a tag, in addition to those it lists; does nothing for an unknown tag. */
  async addReleases(reference: Reference, releases: readonly string[]): Promise<void> {
    const name = formatReference(reference)
    const line = this.#lines.get(name)
    if (line !== undefined) await this.#change(name, withReleases(line, releases))
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
    if (line !== undefined) return this.#setLine(name, line)
    this.#lines.delete(name)
    this.releases.delete(name)
  }

  #setLine(name: string, line: string): void {
    this.#lines.set(name, line)
    const found = entryReleases(line)
    if (found === undefined) this.releases.delete(name)
    else this.releases.set(name, found.releases)
  }

  async #write(): Promise<void> {
    const temporary = join(this.#privateDirectory, `index-${randomUUID()}`)
    const changes = this.#changes
    const head = JSON.stringify(this.#rest).slice(0, -1)
    const bytes = Buffer.from(`${head},"manifests":[\n${[...this.#lines.values()].join(',\n')}\n]}\n`)
    if (bytes.length > this.#maxBytes) {
      throw new MirrorError('NO_SPACE', `${this.#path} would be larger than ${this.#maxBytes / mebibyte} MiB`, {
        hint: 'delete tags, or copy these images to another layout',
      })
    }
    await withLocalIo('write', this.#path, async () => {
      await replaceFile(this.#path, bytes, { temporary, mode: 0o644, durable: this.#durable })
      if (this.#durable) await syncDirectory(dirname(this.#path))
    })
    this.#written = changes
    this.#size = bytes.length
  }
}
