import { contentOf, type ChunkSink, type Content } from '../async/content.ts'
import { withSignal } from '../async/single-flight.ts'
import { BlobLedger, type OpenBlob } from '../copy/copy-blob.ts'
import { blobCheck, openVerified, type VerifiedOptions } from '../copy/verified-content.ts'
import { isMirrorError, type ErrorCode } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest, DigestCheck } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { BlobStream, StreamReader } from './blob-stream.ts'
import type { FanOut, Holder } from './fan-out.ts'
import { readPromptly } from './read-promptly.ts'

/** Bytes up to which a blob is kept whole until every destination has had it. */
const smallBytes = 256 * 1024

/** Milliseconds for which destinations may hold up a stream that another one waits for. */
const mostHeld = 5000

/** Milliseconds between two looks at how long they have. */
const tick = 250

/** Failures to read from a destination that every blob of it would meet. */
const closedCodes: ReadonlySet<ErrorCode> = new Set(['UNAUTHORIZED', 'DENIED', 'UNREACHABLE', 'TLS', 'UNSUPPORTED'])

/** Where the next bytes of a blob come from: a stream that others read too, another destination, or the source for this reader only. */
type Way =
  | { readonly kind: 'stream'; readonly stream: BlobStream<Branch>; readonly reader: StreamReader<Branch> }
  | { readonly kind: 'holder'; readonly holder: Holder<Branch> }
  | { readonly kind: 'source' }

/** A blob on its way to one destination. */
interface Reading {
  readonly repository: Repository
  readonly descriptor: Descriptor
  readonly options: VerifiedOptions
}

/** One destination's view of a source that several destinations read at once. */
export class Branch implements ImageSource {
  readonly ledger: BlobLedger
  readonly #fanOut: FanOut<Branch>
  readonly #openHolder: (branch: Branch) => Promise<ImageSource>
  readonly #opened = new Map<Branch, Promise<ImageSource>>()
  readonly #reading = new Map<Digest, BlobStream<Branch>>()
  /** Destinations that nothing is read back from, and those that a blob is not read back from. */
  readonly #closed = new Set<Branch>()
  readonly #refused = new Map<Digest, Set<Branch>>()

  /** `openHolder` opens the destination of another branch for reading. */
  constructor(fanOut: FanOut<Branch>, openHolder: (branch: Branch) => Promise<ImageSource>) {
    this.#fanOut = fanOut
    this.#openHolder = openHolder
    this.ledger = new BlobLedger((digest) => this.#settled(digest))
    fanOut.join(this)
  }

  /** The run of this destination has ended. */
  end(): void {
    this.#fanOut.leave(this)
  }

  headManifest(reference: Reference, { signal }: CallOptions = {}): Promise<Descriptor | undefined> {
    const { heads, source, signal: all } = this.#fanOut
    const ask = (): Promise<Descriptor | undefined> => source.headManifest(reference, { signal: all })
    return withSignal(heads.get(this, formatReference(reference), ask), signal)
  }

  getManifest(reference: Reference, { signal }: CallOptions = {}): Promise<Manifest> {
    const { manifests, source, signal: all } = this.#fanOut
    const ask = (): Promise<Manifest> => source.getManifest(reference, { signal: all })
    return withSignal(manifests.get(this, formatReference(reference), ask), signal)
  }

  async getBlob(repository: Repository, descriptor: Descriptor, options: GetBlobOptions = {}): Promise<Content> {
    if (descriptor.size > smallBytes) return this.#fanOut.source.getBlob(repository, descriptor, options)
    const bytes = await this.#readSmall({ repository, descriptor, options: { signal: options.signal } })
    return contentOf(bytes.subarray(options.offset ?? 0))
  }

  /** Opens a blob: from a stream that other destinations read too, from a destination that has it by now, or from the source. */
  readonly openBlob: OpenBlob = async (repository, descriptor, options) => {
    const reading = { repository, descriptor, options }
    const { size } = descriptor
    if (size <= smallBytes) {
      const content = contentOf(await this.#readSmall(reading))
      return { ...content, read: (sink) => content.read(progressing(sink, options)) }
    }
    // An upload that is begun again does not wait for itself.
    this.#settled(descriptor.digest)
    const first = await this.#nextWay(reading, true)
    return {
      size,
      read: (sink) => this.#deliver(reading, first, sink),
      cancel: () => (first.kind === 'stream' ? first.stream.leave(first.reader) : undefined),
    }
  }

  async #readSmall({ repository, descriptor, options }: Reading): Promise<Buffer> {
    const { digest } = descriptor
    const { smallBlobs } = this.#fanOut
    for (let holder = this.#holder(digest); holder !== undefined && !smallBlobs.has(this, digest); holder = this.#holder(digest)) {
      try {
        const chunks: Buffer[] = []
        await this.#readBack(holder, { repository, descriptor, options }, undefined, (chunk) => void chunks.push(Buffer.from(chunk)))
        return Buffer.concat(chunks)
      } catch (error) {
        this.#distrust(holder.member, digest, error, options.signal)
      }
    }
    const ask = (): Promise<Buffer> => this.#fanOut.readSmall(repository, descriptor, options)
    return withSignal(smallBlobs.get(this, digest, ask), options.signal)
  }

  async #deliver(reading: Reading, first: Way, sink: ChunkSink): Promise<void> {
    const { repository, descriptor, options } = reading
    const { signal } = options
    let isRefused = false
    const refuse = (error: unknown): never => {
      isRefused = true
      throw error
    }
    const passed = progressing((chunk) => {
      try {
        return sink(chunk)?.catch(refuse)
      } catch (error) {
        return refuse(error)
      }
    }, options)
    let check: DigestCheck | undefined
    for (let way = first; ; way = await this.#nextWay(reading, (check?.received ?? 0) === 0)) {
      if (way.kind === 'stream') {
        this.#reading.set(descriptor.digest, way.stream)
        const left = await way.stream.read(way.reader, passed, signal)
        if (left === 'whole') return
        check = left
      } else if (way.kind === 'holder') {
        check ??= blobCheck(repository, descriptor)
        try {
          return await this.#readBack(way.holder, reading, check, passed)
        } catch (error) {
          if (isRefused) throw error
          this.#distrust(way.holder.member, descriptor.digest, error, signal)
        }
      } else {
        const { retry, onRetry } = options
        const content = await this.#fanOut.open(repository, descriptor, { retry, onRetry, signal, check })
        return await content.read(passed)
      }
    }
  }

  /** Chooses where the next bytes come from. Waits for a destination that is about to have the blob, as long as the source is the slower one. */
  async #nextWay(reading: Reading, isAtStart: boolean): Promise<Way> {
    const heldBefore = new Map<BlobStream<Branch>, number>()
    const clock = setInterval(() => this.#fanOut.changes.notify(), tick)
    try {
      for (;;) {
        const way = this.#wayNow(reading, isAtStart, heldBefore)
        if (way !== undefined) return way
        await withSignal(this.#fanOut.changes.next(), reading.options.signal)
      }
    } finally {
      clearInterval(clock)
    }
  }

  /** Undefined where waiting is better; `heldBefore` says how long each stream had been held up when the wait began. */
  #wayNow({ repository, descriptor, options }: Reading, isAtStart: boolean, heldBefore: Map<BlobStream<Branch>, number>): Way | undefined {
    const join = (stream: BlobStream<Branch>): Way => ({ kind: 'stream', stream, reader: stream.join(this) })
    const holder = this.#holder(descriptor.digest)
    if (holder !== undefined) return { kind: 'holder', holder }
    const stream = this.#fanOut.stream(descriptor.digest)
    if (isAtStart && stream?.canJoin === true) return join(stream)
    if (stream?.isUseful === true) {
      const before = heldBefore.get(stream) ?? stream.held
      heldBefore.set(stream, before)
      if (stream.held - before <= mostHeld) return undefined
    }
    return isAtStart ? join(this.#fanOut.begin(repository, descriptor, options)) : { kind: 'source' }
  }

  /** A destination that a blob can be read back from. */
  #holder(digest: Digest): Holder<Branch> | undefined {
    const refused = this.#refused.get(digest)
    return this.#fanOut.holders(digest, this).find(({ member }) => !this.#closed.has(member) && refused?.has(member) !== true)
  }

  /** What it delivers is checked like the source's bytes. One retry only: the source has the blob too. */
  #readBack({ member, repository: at }: Holder<Branch>, reading: Reading, check: DigestCheck | undefined, sink: ChunkSink): Promise<void> {
    const { descriptor, options } = reading
    const open = async (signal: AbortSignal): Promise<Content> => {
      const opened = this.#opened.get(member) ?? this.#openHolder(member)
      this.#opened.set(member, opened)
      return openVerified(await opened, at, descriptor, { retry: { ...options.retry, retries: 1 }, check, signal })
    }
    return readPromptly(open, sink, options.signal)
  }

  /** Remembers not to read a blob back from a destination. Throws the failure where it ends this reading: an abort, or bytes that cannot be taken back. */
  #distrust(branch: Branch, digest: Digest, failure: unknown, signal: AbortSignal | undefined): void {
    if (signal?.aborted) throw failure
    const refused = this.#refused.get(digest) ?? new Set()
    this.#refused.set(digest, refused.add(branch))
    if (!isMirrorError(failure)) throw failure
    if (closedCodes.has(failure.code)) this.#closed.add(branch)
    if (failure.code === 'INTEGRITY') throw failure
  }

  #settled(digest: Digest): void {
    const stream = this.#reading.get(digest)
    this.#reading.delete(digest)
    if (stream === undefined) this.#fanOut.changes.notify()
    else stream.settled(this)
  }
}

/** Counts what the sink is given. */
function progressing(sink: ChunkSink, { onProgress }: VerifiedOptions): ChunkSink {
  let bytes = 0
  return (chunk) => {
    bytes += chunk.length
    onProgress?.(bytes)
    return sink(chunk)
  }
}
