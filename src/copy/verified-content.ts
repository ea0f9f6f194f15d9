import type { ChunkSink, Content } from '../async/content.ts'
import { isTransient, retry, type Retry, type RetryPolicy } from '../async/retry.ts'
import { MirrorError, onSide } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { DigestCheck } from '../oci/digest.ts'
import type { GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'

/** Options of openVerified. */
export interface VerifiedOptions {
  readonly signal?: AbortSignal | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Called with the bytes read so far, for every chunk. */
  readonly onProgress?: ((bytes: number) => void) | undefined
  readonly onRetry?: ((retry: Retry) => void) | undefined
  /** The check of the bytes that another stream has delivered: this one begins where that one ended. */
  readonly check?: DigestCheck | undefined
}

/** The check of a blob before its first byte. */
export function blobCheck(repository: Repository, descriptor: Descriptor): DigestCheck {
  const subject = `blob ${descriptor.digest} of ${formatRepository(repository)}`
  const hint = 'read from another copy, or run k3s-mirror bundle check <file> for a bundle: it was changed at the source or in transit'
  return new DigestCheck(
    descriptor,
    () => new MirrorError('INTEGRITY', `${subject} does not match its digest`, { side: 'source', subject, hint }),
  )
}

/** Bytes that a broken stream must have delivered for its next attempt to start at once and to count as the first. */
const progressBytes = 64 * 1024

/** Opens a blob for one reading, as `openResumed` does. */
export function openVerified(
  source: ImageSource,
  repository: Repository,
  descriptor: Descriptor,
  options: VerifiedOptions = {},
): Promise<Content> {
  const { check = blobCheck(repository, descriptor) } = options
  return openResumed((from) => source.getBlob(repository, descriptor, from), descriptor.size, { ...options, check })
}

/** Opens content of a known size for one reading, resumed where its stream breaks. The last chunk is withheld until the digest matches, so that wrong content is never delivered whole. */
export async function openResumed(
  openAt: (from: GetBlobOptions) => Promise<Content>,
  whole: number,
  options: VerifiedOptions & { readonly check: DigestCheck },
): Promise<Content> {
  const { signal, onProgress, onRetry, check } = options
  const size = whole - check.received
  let opened: Content | undefined
  let isResumed = false
  /** True once the sink has failed, which is not a failure of the source. */
  let isRefused = false
  const refuse = (error: unknown): never => {
    isRefused = true
    throw error
  }
  const cancel = (): void => {
    opened?.cancel()
    opened = undefined
  }
  const open = async (): Promise<void> => {
    opened ??= await openAt({ offset: check.received, isResumed, signal })
    isResumed = true
  }
  const patiently = (work: () => Promise<void>): Promise<void> => {
    let before = check.received
    const attempt = async (): Promise<void> => {
      before = check.received
      try {
        await work()
      } catch (error) {
        cancel()
        throw isRefused ? error : onSide('source', error)
      }
    }
    return retry(attempt, {
      ...options.retry,
      signal,
      onRetry,
      isTransient: (error) => !isRefused && isTransient(error),
      hasProgressed: () => check.received - before >= progressBytes,
    })
  }
  const read = async (sink: ChunkSink): Promise<void> => {
    const take: ChunkSink = (chunk) => {
      check.take(chunk)
      onProgress?.(check.received)
      try {
        return sink(chunk)?.catch(refuse)
      } catch (error) {
        return refuse(error)
      }
    }
    await patiently(async () => {
      await open()
      const content = opened
      opened = undefined
      await content?.read(take)
    })
    if (whole === 0) check.end()
  }
  await patiently(open)
  return { size, read, cancel }
}
