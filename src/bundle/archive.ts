import { Changes } from '../async/changes.ts'
import { readAll, type Content } from '../async/content.ts'
import { onAbort } from '../async/on-abort.ts'
import { MirrorError } from '../errors.ts'
import type { BlobRange } from '../layout/blob-store.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { contentAt, openFileBytes, openSplitBytes, type ArchiveBytes } from './archive-bytes.ts'
import { detectCompression, detectUnsupported, refuseCompression, unsupportedMagicBytes } from './compression.ts'
import { cutOff, scanTar, type ScanOptions } from './scan-tar.ts'
import { Spool } from './spool.ts'
import type { TarEntry } from './tar-map.ts'

const maxLinks = 4
/** Bytes of zeros behind the last file that are decompressed: they cost room on the disk, and nearly none in the file. */
const maxSpooledPadding = 64 * 1024 ** 2

type ArchiveOptions = Pick<ScanOptions, 'links'> & CallOptions

/** A tar archive whose files are read in any order, side by side, and where it is compressed as soon as they are there: plain, gzip, zstd, or split. */
export class Archive implements AsyncDisposable {
  readonly name: string
  readonly #bytes: ArchiveBytes
  readonly #entries = new Map<string, TarEntry>()
  readonly #scanned: Promise<void>
  #isScanned = false
  #isClosed = false
  #isOwn = false
  #lacksEnd = false
  readonly #changes = new Changes()
  readonly #forget: () => void

  private constructor(bytes: ArchiveBytes, { signal, links }: ArchiveOptions) {
    this.name = bytes.name
    this.#bytes = bytes
    // A reader that waits for a file gets the reason.
    const stop = (): void => bytes.stop(signal?.reason)
    this.#forget = onAbort(signal, stop)
    if (signal?.aborted === true) stop()
    this.#scanned = this.#scan(links)
    // The failure reaches callers that ask for a file.
    this.#scanned.catch(() => undefined)
  }

  /** Opens an archive; what is wrong with a compressed one is thrown later. Throws NOT_FOUND, LOCAL_IO, INTEGRITY, and UNSUPPORTED for other compressions. */
  static async open(path: string, options: ArchiveOptions = {}): Promise<Archive> {
    options.signal?.throwIfAborted()
    const bytes = (await openSplitBytes(path)) ?? (await openFileBytes(path))
    try {
      const start = Buffer.alloc(unsupportedMagicBytes)
      await bytes.read(start, 0, start.length, 0)
      const unsupported = detectUnsupported(start)
      if (unsupported !== undefined) throw refuseCompression(bytes.name, unsupported)
      const compression = detectCompression(start)
      if (compression !== undefined) return new Archive(await Spool.open(bytes, compression), options)
      const archive = new Archive(bytes, options)
      await archive.end()
      return archive
    } catch (error) {
      await bytes[Symbol.asyncDispose]()
      throw error
    }
  }

  /** A file by its path, as soon as all of it is there; undefined where the archive does not contain it. Throws INTEGRITY for a damaged archive. */
  async find(path: string): Promise<TarEntry | undefined> {
    let at = path
    for (let links = 0; links <= maxLinks; links++) {
      const entry = await this.#findEntry(at)
      if (entry?.link === undefined) return entry
      at = entry.link
    }
    throw new MirrorError('INTEGRITY', `${path} in ${this.name} is a chain of more than ${maxLinks} links`)
  }

  async #findEntry(path: string): Promise<TarEntry | undefined> {
    for (;;) {
      const entry = this.#entries.get(path)
      if (entry !== undefined) return entry
      if (this.#isScanned) return this.#scanned.then(() => undefined)
      await this.#changes.next()
    }
  }

  /** Every file, in the archive's order, and of links the files that they lead to. Throws INTEGRITY for a damaged archive. */
  async files(): Promise<readonly { readonly path: string; readonly entry: TarEntry }[]> {
    await this.#scanned
    const found = await Promise.all([...this.#entries.keys()].map(async (path) => ({ path, entry: await this.find(path) })))
    return found.flatMap(({ path, entry }) => (entry === undefined ? [] : [{ path, entry }]))
  }

  /** True for an uncompressed archive: all its files are known once it is open. */
  get isListed(): boolean {
    return !(this.#bytes instanceof Spool)
  }

  end(): Promise<void> {
    return this.#scanned
  }

  /** True for a scanned archive that ends behind a file: other tools write that, and so does a copy that was cut off there. */
  get lacksEnd(): boolean {
    return this.#lacksEnd
  }

  /** Takes for damage what `bundle create` never writes, from now on and in what was found already: links, and a missing end. Throws INTEGRITY. */
  refuseForeignForms(): void {
    this.#isOwn = true
    for (const entry of this.#entries.values()) this.#refuseLink(entry)
    if (this.#lacksEnd) throw cutOff(this)
  }

  #refuseLink({ path, link }: TarEntry): void {
    if (link !== undefined)
      throw new MirrorError('INTEGRITY', `${this.name}: ${path} is a link`, {
        hint: 'copy the file again from the machine that created it: bundles contain no links',
      })
  }

  content({ offset: start, size }: TarEntry, { offset = 0, length = size - offset, signal }: BlobRange = {}): Content {
    return contentAt(this.#bytes, { offset: start + offset, size: length, signal })
  }

  /** All bytes of a small file. Throws INVALID_MANIFEST for one that is larger than `limit` bytes. */
  async bytes(entry: TarEntry, limit: number, options: CallOptions = {}): Promise<Buffer> {
    if (entry.size > limit) {
      throw new MirrorError('INVALID_MANIFEST', `${entry.path} in ${this.name} is larger than ${limit / 1_048_576} MiB`)
    }
    return readAll(this.content(entry, options))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#forget()
    await this.#bytes[Symbol.asyncDispose]()
    await this.#scanned.catch(() => undefined)
  }

  async #scan(links: boolean | undefined): Promise<void> {
    const onMissingEnd = (): void => {
      this.#lacksEnd = true
      if (this.#isOwn) throw cutOff(this)
    }
    const maxPadding = this.isListed ? undefined : maxSpooledPadding
    try {
      for await (const entry of scanTar(this.#bytes, { links, maxPadding, onMissingEnd })) {
        if (this.#isOwn) this.#refuseLink(entry)
        this.#entries.set(entry.path, entry)
        this.#changes.notify()
        if (this.#isClosed) return
      }
    } catch (error) {
      this.#bytes.stop(error)
      throw error
    } finally {
      this.#isScanned = true
      this.#changes.notify()
    }
  }
}
