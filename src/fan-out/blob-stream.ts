import { Changes } from '../async/changes.ts'
import type { ChunkSink, Content } from '../async/content.ts'
import { withSignal } from '../async/single-flight.ts'
import type { DigestCheck } from '../oci/digest.ts'
import { ByteWindow } from './byte-window.ts'

/** Bytes by which a reader may be behind before it loses the stream, and for which a stream can be joined. */
const mostLag = 4 * 1024 * 1024

/** Bytes by which the stream is ahead of its fastest reader. */
const mostLead = 1024 * 1024

/** Milliseconds between two looks at the clock. */
const tick = 250

/** Milliseconds for which all readers may hold up a stream whose connection another blob waits for. */
const mostHeld = 2000

const given = Symbol('the connection was given to another stream')

/** A reader's place in a stream. */
export interface StreamReader<Owner = object> {
  readonly owner: Owner
  /** Bytes that it was handed, and those of them that it has taken. */
  position: number
  taken: number
  /** True once it reads; until then the stream does not wait for it. */
  hasBegun: boolean
  /** Present once it fell behind: the bytes that are left for it, and the check at their end; none of either where it had not begun. */
  behind?: { readonly kept: Uint8Array[]; readonly check: DigestCheck | undefined }
}

/** What a stream is read from. */
export interface StreamOptions {
  /** Size of the blob. */
  readonly size: number
  readonly check: DigestCheck
  /** Opens what follows the bytes that the check has seen; the last chunk comes once the whole is right. */
  readonly open: (signal: AbortSignal) => Promise<Content>
  /** True where another blob waits for a connection to the source. */
  readonly isWanted: () => boolean
  /** Called when somebody who waits for the stream should look at it again. */
  readonly onChange: () => void
}

/**
 * One blob, read from the source once for several readers. It runs at the speed of the fastest; one that falls behind by more than
 * the window loses the stream, and continues elsewhere with the check of its bytes.
 */
export class BlobStream<Owner = object> {
  /** Who has read the blob whole, and may be storing it still. */
  readonly storing: Set<Owner> = new Set()
  readonly #options: StreamOptions
  readonly #window = new ByteWindow()
  readonly #readers = new Set<StreamReader<Owner>>()
  readonly #changes = new Changes()
  readonly #abort = new AbortController()
  #isRunning = false
  #failure: { readonly error: unknown } | undefined
  #held = 0
  #heldSince: number | undefined

  constructor(options: StreamOptions) {
    this.#options = options
  }

  /** True while a new reader gets every byte. */
  get canJoin(): boolean {
    return this.#window.start === 0 && this.#failure === undefined && !this.#abort.signal.aborted && !(this.#isWhole && !this.#isRead)
  }

  /** True while a destination may come to hold the blob from this stream. */
  get isUseful(): boolean {
    return this.#failure === undefined && (this.#isRead || this.storing.size > 0)
  }

  /** Milliseconds for which destinations, and not the source, have held up the stream and what becomes of it. */
  get held(): number {
    return this.#held + (this.#heldSince === undefined ? 0 : performance.now() - this.#heldSince)
  }

  /** Adds a reader, from the first byte on. */
  join(owner: Owner): StreamReader<Owner> {
    const reader = { owner, position: 0, taken: 0, hasBegun: false }
    this.#readers.add(reader)
    return reader
  }

  /** Removes a reader, which may never have begun. */
  leave(reader: StreamReader<Owner>): void {
    this.#readers.delete(reader)
    if (!this.#isRead && (this.#isWhole || this.#failure !== undefined)) this.#dismissAll()
    if (this.#readers.size === 0 && !this.#isWhole) this.#abort.abort()
    this.#trim()
    this.#changed()
  }

  /** The owner has stored the blob, or has failed to. */
  settled(owner: Owner): void {
    this.storing.delete(owner)
    this.#changed()
  }

  /** Delivers the blob whole; a reader that loses the stream gets the check to continue with, undefined where it has no byte yet. */
  async read(reader: StreamReader<Owner>, sink: ChunkSink, signal: AbortSignal | undefined): Promise<'whole' | DigestCheck | undefined> {
    const { size } = this.#options
    try {
      reader.hasBegun = true
      this.#run()
      while (reader.position < size) {
        const chunk = reader.behind === undefined ? this.#window.at(reader.position) : reader.behind.kept.shift()
        if (chunk === undefined) return reader.behind?.check
        if (chunk.length > 0) {
          reader.position += chunk.length
          const taken = sink(chunk)
          if (taken !== undefined) await taken
          reader.taken = reader.position
          if (reader.behind === undefined) this.#moved()
        } else {
          if (this.#failure !== undefined) throw this.#failure.error
          signal?.throwIfAborted()
          await withSignal(this.#changes.next(), signal)
        }
      }
      this.storing.add(reader.owner)
      return 'whole'
    } finally {
      this.leave(reader)
    }
  }

  get #isWhole(): boolean {
    return this.#window.end === this.#options.size
  }

  /** True while a reader takes bytes from the stream. */
  get #isRead(): boolean {
    for (const { hasBegun } of this.#readers) if (hasBegun) return true
    return false
  }

  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    const clock = setInterval(() => this.#changed(), tick)
    void this.#pump()
      .catch((error: unknown) => {
        if (!this.#isWhole) this.#failure = { error }
      })
      .finally(() => {
        clearInterval(clock)
        if (!this.#isRead) this.#dismissAll()
        this.#changed()
      })
  }

  async #pump(): Promise<void> {
    const { check, size, open } = this.#options
    const { signal } = this.#abort
    while (check.received < size) {
      const content = await open(signal)
      try {
        await content.read((chunk) => this.#push(chunk))
      } catch (error) {
        if (error !== given) throw error
        await this.#untilRoom(() => false)
      }
    }
  }

  #push(chunk: Uint8Array): void | Promise<void> {
    this.#window.push(chunk)
    const { end } = this.#window
    // The last chunk comes once the digest is right: every reader that is left gets it, in its own time.
    if (this.#isWhole) this.#heldSince = performance.now()
    else for (const reader of this.#readers) if (end - reader.taken > mostLag) this.#dismiss(reader)
    this.#moved()
    if (!this.#isWhole && !this.#hasRoom) return this.#untilRoom(() => this.#mustGive)
  }

  get #hasRoom(): boolean {
    for (const { hasBegun, taken } of this.#readers) if (hasBegun && this.#window.end - taken < mostLead) return true
    return false
  }

  /** True where the connection is of more use to another blob. */
  get #mustGive(): boolean {
    if (!this.#isRead) return true
    return this.#heldSince !== undefined && performance.now() - this.#heldSince > mostHeld && this.#options.isWanted()
  }

  async #untilRoom(mustGive: () => boolean): Promise<void> {
    const since = performance.now()
    this.#heldSince = since
    try {
      while (!this.#hasRoom) {
        this.#abort.signal.throwIfAborted()
        if (mustGive()) throw given
        await withSignal(this.#changes.next(), this.#abort.signal)
      }
    } finally {
      this.#held += performance.now() - since
      this.#heldSince = undefined
    }
  }

  #moved(): void {
    this.#trim()
    this.#changes.notify()
  }

  /** Forgets what no reader needs, once the stream cannot be joined any more. */
  #trim(): void {
    if (this.#window.end <= mostLag && !(this.#isWhole && !this.#isRead)) return
    let needed = this.#window.end
    for (const { taken } of this.#readers) needed = Math.min(needed, taken)
    this.#window.trim(needed)
  }

  /** Lets a reader continue without the stream. */
  #dismiss(reader: StreamReader<Owner>): void {
    this.#readers.delete(reader)
    if (!reader.hasBegun) reader.behind = { kept: [], check: undefined }
    else {
      // What it is taking at this moment must not change either.
      this.#window.keep(reader.taken)
      reader.behind = { kept: this.#window.keep(reader.position), check: this.#options.check.fork() }
    }
  }

  /** No reader is left but those that have not begun, which would keep the window in memory. */
  #dismissAll(): void {
    for (const reader of this.#readers) this.#dismiss(reader)
    this.#window.clear()
  }

  #changed(): void {
    this.#changes.notify()
    this.#options.onChange()
  }
}
