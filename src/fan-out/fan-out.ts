import { Changes } from '../async/changes.ts'
import { readAll, type Content } from '../async/content.ts'
import type { BlobLedger } from '../copy/copy-blob.ts'
import { blobCheck, openVerified, type VerifiedOptions } from '../copy/verified-content.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Repository } from '../oci/reference.ts'
import { AnswerCache } from './answer-cache.ts'
import { BlobStream } from './blob-stream.ts'

/** Bytes that answers of one kind take at most; a destination that is later than that asks the source again. */
const mostAnswerBytes = 32 * 1024 * 1024

/** Bytes that the digest of a tag is counted as. */
const headBytes = 500

/** Milliseconds after which a blob that waits for a connection counts as held up by others. */
const longOpening = 1000

/** A destination that takes part in a fan-out. */
export interface Member {
  readonly ledger: BlobLedger
}

/** A destination that has a blob, and the repository that it is in. */
export interface Holder<M extends Member> {
  readonly member: M
  readonly repository: Repository
}

/** How a blob is read from the source. */
export type SourceReading = Pick<VerifiedOptions, 'retry' | 'onRetry' | 'check' | 'signal'>

/** One source, read once for several destinations: its answers, its streams, and the blobs that each destination has by now. */
export class FanOut<M extends Member> {
  readonly source: ImageSource
  /** Ends what is read for all. */
  readonly signal: AbortSignal
  readonly heads: AnswerCache<Descriptor | undefined> = new AnswerCache(mostAnswerBytes, () => headBytes)
  readonly manifests: AnswerCache<Manifest> = new AnswerCache(mostAnswerBytes, ({ bytes }) => bytes.length)
  readonly smallBlobs: AnswerCache<Buffer> = new AnswerCache(mostAnswerBytes, ({ length }) => length)
  /** Fires when a blob has come to a destination, or will not come to it. */
  readonly changes: Changes = new Changes()
  readonly #members: M[] = []
  readonly #streams = new Map<Digest, BlobStream<M>>()
  readonly #opening = new Set<{ readonly since: number }>()

  constructor(source: ImageSource, signal: AbortSignal) {
    this.source = source
    this.signal = signal
  }

  /** Adds a destination. */
  join(member: M): void {
    this.#members.push(member)
    for (const cache of [this.heads, this.manifests, this.smallBlobs]) cache.join(member)
  }

  /** A destination needs nothing more; its blobs are still read back by others. */
  leave(member: M): void {
    for (const cache of [this.heads, this.manifests, this.smallBlobs]) cache.leave(member)
  }

  /** The other destinations that have a blob. */
  holders(digest: Digest, asking: M): readonly Holder<M>[] {
    return this.#members.flatMap((member) => {
      const repository = member === asking ? undefined : member.ledger.holder(digest)
      return repository === undefined ? [] : [{ member, repository }]
    })
  }

  /** The stream of a blob that was begun last, while it may be of use to others. */
  stream(digest: Digest): BlobStream<M> | undefined {
    return this.#streams.get(digest)
  }

  /** Begins a new stream of a blob; nothing is sent before somebody reads. */
  begin(repository: Repository, descriptor: Descriptor, { retry, onRetry }: SourceReading): BlobStream<M> {
    const { digest, size } = descriptor
    const check = blobCheck(repository, descriptor)
    const stream = new BlobStream<M>({
      size,
      check,
      open: (signal) => this.open(repository, descriptor, { retry, onRetry, check, signal }),
      isWanted: () => [...this.#opening].some(({ since }) => performance.now() - since > longOpening),
      onChange: () => {
        if (!stream.isUseful && !stream.canJoin && this.#streams.get(digest) === stream) this.#streams.delete(digest)
        this.changes.notify()
      },
    })
    this.#streams.set(digest, stream)
    return stream
  }

  /** Opens a blob for one reader. */
  async open(repository: Repository, descriptor: Descriptor, reading: SourceReading): Promise<Content> {
    const opening = { since: performance.now() }
    this.#opening.add(opening)
    try {
      return await openVerified(this.source, repository, descriptor, reading)
    } finally {
      this.#opening.delete(opening)
    }
  }

  /** All bytes of a small blob. */
  async readSmall(repository: Repository, descriptor: Descriptor, { retry, onRetry }: SourceReading): Promise<Buffer> {
    return readAll(await openVerified(this.source, repository, descriptor, { retry, onRetry, signal: this.signal }))
  }
}
