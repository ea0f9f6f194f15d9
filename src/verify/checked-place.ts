import { isTransient, type RetryPolicy } from '../async/retry.ts'
import { openVerified } from '../copy/verified-content.ts'
import { cannot, isMirrorError, type ErrorCode, type MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { ReadablePlace } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { formatReference, formatRepository, type Reference, type Repository } from '../oci/reference.ts'

/** How a place is looked at. */
export interface CheckedPlaceOptions {
  /** Patience while blobs are read. */
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Read without patience, and ask no more once it could not be asked: for a registry that is only asked in passing. */
  readonly isFragile?: boolean | undefined
}

/** How blobs are looked at. */
export interface CheckBlobOptions extends CallOptions {
  /** Read every byte and compare the digest, instead of asking whether it is there. */
  readonly deep?: boolean | undefined
}

/** What will not be different for the next image. */
const lasting: ReadonlySet<ErrorCode> = new Set(['UNREACHABLE', 'TLS', 'TIMEOUT', 'INVALID_CONFIG'])

/** A place as a check sees it: what it does not have is a NOT_FOUND, a blob is asked for once in a run, and a place that is down once. */
export class CheckedPlace {
  readonly #place: ReadablePlace
  readonly #retry: Partial<RetryPolicy> | undefined
  readonly #isFragile: boolean
  readonly #blobs = new Map<string, Promise<void>>()
  #hasAnswered = false
  #down: MirrorError | undefined

  constructor(place: ReadablePlace, { retry, isFragile = false }: CheckedPlaceOptions = {}) {
    this.#place = place
    this.#retry = isFragile ? { retries: 0, maxThrottled: 0 } : retry
    this.#isFragile = isFragile
  }

  /** What a tag or digest names, without reading it; throws NOT_FOUND. */
  head(reference: Reference, options: CallOptions = {}): Promise<Descriptor> {
    return this.#ask(async () => {
      const found = await this.#place.headManifest(reference, options)
      if (found === undefined) throw cannot('NOT_FOUND', ['look up', formatReference(reference)], 'not found')
      return found
    })
  }

  /** A manifest whose bytes have their digest and which can be understood; throws NOT_FOUND, INTEGRITY, INVALID_MANIFEST. */
  manifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    return this.#ask(async () => {
      const manifest = await this.#place.getManifest(reference, options)
      contentsOf(manifest)
      return manifest
    })
  }

  /** Fulfilled when the blob is there with its size, and with `deep` its content; throws NOT_FOUND, INTEGRITY. */
  blob(repository: Repository, descriptor: Descriptor, options: CheckBlobOptions = {}): Promise<void> {
    const key = `${formatRepository(repository)} ${descriptor.digest} ${descriptor.size}`
    const asked = this.#blobs.get(key) ?? this.#ask(() => this.#blob(repository, descriptor, options))
    this.#blobs.set(key, asked)
    return asked
  }

  /** A small blob's bytes, verified; throws NOT_FOUND, INTEGRITY. */
  bytes(repository: Repository, descriptor: Descriptor, { signal }: CallOptions = {}): Promise<Uint8Array> {
    return this.#ask(async () => {
      const content = await openVerified(this.#place, repository, descriptor, { signal, retry: this.#retry })
      const chunks: Uint8Array[] = []
      await content.read((chunk) => void chunks.push(Uint8Array.from(chunk)))
      return Buffer.concat(chunks)
    })
  }

  async #blob(repository: Repository, { mediaType, digest, size }: Descriptor, { deep = false, signal }: CheckBlobOptions): Promise<void> {
    // A place that does not hold a foreign layer must not answer with what it finds elsewhere.
    const own = { mediaType, digest, size }
    if (!deep && (await this.#place.headBlob(repository, own, { signal }))) return
    // A failed HEAD gives no reason, and some registries do not support it: the answer to a GET has the reason.
    const content = await openVerified(this.#place, repository, own, { signal, retry: this.#retry })
    if (deep) await content.read(() => undefined)
    else content.cancel()
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    if (this.#down !== undefined) throw this.#down
    try {
      const result = await work()
      this.#hasAnswered = true
      return result
    } catch (error) {
      if (!isMirrorError(error)) throw error
      this.#hasAnswered ||= error.code === 'NOT_FOUND'
      const isDown = lasting.has(error.code) && !this.#hasAnswered
      if (isDown || (this.#isFragile && isTransient(error))) this.#down ??= error
      throw error
    }
  }
}
