import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDigest } from '../oci/digest.ts'
import { parseJsonObject } from '../oci/json-object.ts'
import { isRegistry, isRepositoryPath } from '../oci/reference.ts'
import type { Catalogue, ManifestRecord } from './catalogue.ts'
import { GroupCommit } from './group-commit.ts'
import { isDiskFull, localIo, openRegularFile, syncDirectory, withLocalIo, writeAt } from './local-io.ts'
import { replaceFile } from './replace-file.ts'

/** No line of ours is nearly as long. */
const bufferBytes = 1024 * 1024
/** A file with at most this many records is never rewritten. */
const spareRecords = 10_000
const recordsAtOnce = 1000
const newline = 0x0a

function formatRecord(record: ManifestRecord): string {
  const { repository, descriptor, subject, deleted } = record
  const { digest, mediaType, size } = descriptor
  return `${JSON.stringify({ registry: repository.registry, path: repository.path, digest, mediaType, size, subject, deleted })}\n`
}

/** Reads one line; undefined for a line that a crash cut off, or of another form. */
function parseRecord(line: string): ManifestRecord | undefined {
  const { registry, path, digest, mediaType, size, subject, deleted } = parseJsonObject(line) ?? {}
  if (typeof registry !== 'string' || !isRegistry(registry) || typeof path !== 'string' || !isRepositoryPath(path)) return undefined
  if (typeof digest !== 'string' || !isDigest(digest) || typeof mediaType !== 'string' || typeof size !== 'number') return undefined
  return {
    repository: { registry, path },
    descriptor: { mediaType, digest, size },
    ...(typeof subject === 'string' && isDigest(subject) && { subject }),
    ...(deleted === true && { deleted }),
  }
}

/** Hands over every whole line that is not longer than the buffer; the answer is the bytes up to the end of the last one, of any length. */
async function readLines(handle: FileHandle, take: (line: string) => void): Promise<number> {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes)
  let at = 0
  let kept = 0
  let length = 0
  let isTooLong = false
  for (;;) {
    const { bytesRead } = await handle.read(buffer, kept, buffer.length - kept, at)
    if (bytesRead === 0) return length
    at += bytesRead
    const filled = kept + bytesRead
    const end = buffer.lastIndexOf(newline, filled - 1) + 1
    if (end > 0) {
      const lines = buffer.toString('utf8', isTooLong ? buffer.indexOf(newline) + 1 : 0, end).split('\n')
      for (const line of lines) if (line !== '') take(line)
      length = at - filled + end
      isTooLong = false
    }
    kept = filled - end
    if (kept === buffer.length) {
      isTooLong = true
      kept = 0
    } else buffer.copyWithin(0, end, filled)
  }
}

/** Which repository has which manifest, for index.json knows only those with a tag: one line a record, so that the thousandth costs what the first did. */
export class ManifestJournal {
  readonly #path: string
  readonly #durable: boolean
  readonly #commit = new GroupCommit(() => this.#append())
  #handle: FileHandle | undefined
  #length = 0
  #records = 0
  #waiting: string[] = []

  constructor(path: string, durable: boolean) {
    this.#path = path
    this.#durable = durable
  }

  get size(): number {
    return this.#length
  }

  /** Hands over every whole record, oldest first; a missing file has no records. */
  async read(take: (record: ManifestRecord) => void): Promise<void> {
    const file = await openRegularFile(this.#path)
    if (file === undefined) return
    await using handle = file.handle
    const takeLine = (line: string): void => {
      const record = parseRecord(line)
      this.#records++
      if (record !== undefined) take(record)
    }
    this.#length = await withLocalIo('read', this.#path, () => readLines(handle, takeLine))
  }

  /** Opens the file for the one writer, which `confirm` rejects for any other, and cuts off a line that a crash left unfinished. */
  async openForWriting(confirm: () => Promise<void>): Promise<void> {
    try {
      this.#handle = await open(this.#path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
      // A takeover replaces the file before using it: no other process writes to one that was opened while the claim held.
      await confirm()
      if ((await this.#handle.stat()).size !== this.#length) await this.#handle.truncate(this.#length)
    } catch (error) {
      await this.close()
      throw await localIo(error, 'write', this.#path)
    }
  }

  /** Replaces the file where most of it is overruled by the rest, or anything is with `isEager`; not while an `append` is under way. A full disk is not an error. */
  async compact(catalogue: Catalogue, privateDirectory: string, isEager = false): Promise<void> {
    if (!isEager && (this.#records <= spareRecords || this.#records <= 2 * catalogue.size)) return
    try {
      await this.replace(catalogue, privateDirectory)
    } catch (error) {
      if (!isDiskFull(error)) throw error
    }
  }

  /** Replaces the file by one that has what the catalogue has, made in a directory of this writer's own; not while an `append` is under way. */
  async replace(catalogue: Catalogue, privateDirectory: string): Promise<void> {
    let count = 0
    function* blocks(): Generator<string> {
      let lines = ''
      for (const record of catalogue.records()) {
        lines += formatRecord(record)
        if (++count % recordsAtOnce !== 0) continue
        yield lines
        lines = ''
      }
      yield lines
    }
    const temporary = join(privateDirectory, `journal-${randomUUID()}`)
    await withLocalIo('write', this.#path, async () => {
      const handle = await replaceFile(this.#path, blocks(), { temporary, mode: 0o644, durable: this.#durable, staysOpen: true })
      await this.close()
      this.#handle = handle
      this.#records = count
      this.#length = (await handle.stat()).size
      if (this.#durable) await syncDirectory(dirname(this.#path))
    })
  }

  /** Adds records and waits until a later reader finds them. */
  append(records: readonly ManifestRecord[]): Promise<void> {
    for (const record of records) this.#waiting.push(formatRecord(record))
    return this.#commit.run()
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #append(): Promise<void> {
    const records = this.#waiting
    const bytes = Buffer.from(records.join(''))
    this.#waiting = []
    try {
      if (this.#handle === undefined) throw new Error('the layout is closed')
      await writeAt(this.#handle, bytes, this.#length)
      if (this.#durable) await this.#handle.datasync()
      this.#length += bytes.length
      this.#records += records.length
    } catch (error) {
      // Half a line must not swallow the next one.
      await this.#handle?.truncate(this.#length).catch(() => undefined)
      throw await localIo(error, 'write', this.#path)
    }
  }
}
