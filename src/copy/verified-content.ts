import { setTimeout as sleep } from 'node:timers/promises'
import type { ChunkSink, Content } from '../async/content.ts'
import { isTransient, retryPolicy, type Retry, type RetryPolicy } from '../async/retry.ts'
import { MirrorError, onSide } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { DigestCheck } from '../oci/digest.ts'
import type { ImageSource } from '../oci/image-source.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'

/** Options of openVerified. */
export interface VerifiedOptions {
  readonly signal?: AbortSignal | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Told of the bytes that have passed so far, with every chunk. */
  readonly onProgress?: ((bytes: number) => void) | undefined
  readonly onRetry?: ((retry: Retry) => void) | undefined
}

/** Bytes that a broken stream must have brought for its next try to be at once, and to be counted as the first. */
const progressBytes = 64 * 1024

/** A failure of whoever takes the bytes, told apart from one of the source by this mark. */
class SinkFailure {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

function guarded(sink: ChunkSink): ChunkSink {
  const fail = (error: unknown): never => {
    throw new SinkFailure(error)
  }
  return (chunk) => {
    try {
      return sink(chunk)?.catch(fail)
    } catch (error) {
      return fail(error)
    }
  }
}

/**
 * A blob of a source whose stream is taken up again, where it broke, into the same reader, and whose last chunk is withheld until
 * the digest of the whole is right: no reader ever gets all the bytes of a wrong blob.
 */
class VerifiedContent implements Content {
  readonly size: number
  readonly #source: ImageSource
  readonly #repository: Repository
  readonly #descriptor: Descriptor
  readonly #options: VerifiedOptions
  readonly #check: DigestCheck
  #open: Content | undefined
  #wasOpen = false

  constructor(source: ImageSource, repository: Repository, descriptor: Descriptor, options: VerifiedOptions) {
    this.size = descriptor.size
    this.#source = source
    this.#repository = repository
    this.#descriptor = descriptor
    this.#options = options
    this.#check = new DigestCheck(descriptor, () => wrongContent(repository, descriptor))
  }

  async read(sink: ChunkSink): Promise<void> {
    const safe = guarded(sink)
    const take: ChunkSink = (chunk) => {
      this.#check.take(chunk)
      this.#options.onProgress?.(this.#check.received)
      return safe(chunk)
    }
    await this.#patiently(async () => {
      await this.open()
      const content = this.#open
      this.#open = undefined
      await content?.read(take)
    })
    if (this.size === 0) this.#check.end()
  }

  cancel(): void {
    this.#open?.cancel()
    this.#open = undefined
  }

  /** Asks the source for the bytes that are still missing. */
  async open(): Promise<void> {
    const { signal } = this.#options
    this.#open ??= await this.#source.getBlob(this.#repository, this.#descriptor, {
      offset: this.#check.received,
      isResumed: this.#wasOpen,
      signal,
    })
    this.#wasOpen = true
  }

  /** Opens with the patience of the whole blob. */
  async openPatiently(): Promise<void> {
    await this.#patiently(() => this.open())
  }

  async #patiently(work: () => Promise<void>): Promise<void> {
    const { signal, onRetry } = this.#options
    const policy = retryPolicy(this.#options.retry)
    let failures = 0
    let throttled = 0
    for (let before = this.#check.received; ; before = this.#check.received) {
      try {
        return await work()
      } catch (cause) {
        this.cancel()
        if (cause instanceof SinkFailure) throw cause.error
        const error = onSide('source', cause)
        if (signal?.aborted || !isTransient(error)) throw error
        const progressed = this.#check.received - before >= progressBytes
        if (progressed) failures = 0
        throttled += error.retryAfter ?? 0
        if (++failures > policy.retries || throttled > policy.maxThrottled) throw error
        const backoff = progressed ? 0 : Math.min(policy.maxDelay, policy.baseDelay * 2 ** (failures - 1)) * (0.5 + Math.random() / 2)
        const delay = Math.round(error.retryAfter ?? backoff)
        onRetry?.({ attempt: failures, delay, error })
        await sleep(delay, undefined, { signal })
      }
    }
  }
}

function wrongContent(repository: Repository, { digest }: Descriptor): MirrorError {
  return new MirrorError('INTEGRITY', `blob ${digest} of ${formatRepository(repository)} has other content than its digest says`, {
    side: 'source',
    hint: 'It was changed where it lies or on its way, and is published nowhere. Of a file, k3s-mirror bundle check names all that is damaged.',
  })
}

/** Opens a blob for one reading, verified and resumed as it is read. */
export async function openVerified(
  source: ImageSource,
  repository: Repository,
  descriptor: Descriptor,
  options: VerifiedOptions = {},
): Promise<Content> {
  const content = new VerifiedContent(source, repository, descriptor, options)
  await content.openPatiently()
  return content
}
