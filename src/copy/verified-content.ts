import type { ChunkSink, Content } from '../async/content.ts'
import { retry, type Retry, type RetryPolicy } from '../async/retry.ts'
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
 * Opens a blob for one reading. Its stream is taken up again, where it broke, into the same reader, and its last chunk is withheld until the digest of
 * the whole is right: no reader ever gets all the bytes of a wrong blob.
 */
export async function openVerified(
  source: ImageSource,
  repository: Repository,
  descriptor: Descriptor,
  options: VerifiedOptions = {},
): Promise<Content> {
  const { digest, size } = descriptor
  const { signal, onProgress, onRetry } = options
  const subject = `blob ${digest} of ${formatRepository(repository)}`
  const check = new DigestCheck(
    descriptor,
    () =>
      new MirrorError('INTEGRITY', `${subject} has other content than its digest says`, {
        side: 'source',
        subject,
        hint: 'It was changed where it lies or on its way, and is published nowhere. Of a file, k3s-mirror bundle check names all that is damaged.',
      }),
  )
  let opened: Content | undefined
  let isResumed = false
  const cancel = (): void => {
    opened?.cancel()
    opened = undefined
  }
  const open = async (): Promise<void> => {
    opened ??= await source.getBlob(repository, descriptor, { offset: check.received, isResumed, signal })
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
        throw onSide('source', error)
      }
    }
    return retry(attempt, { ...options.retry, signal, onRetry, hasProgressed: () => check.received - before >= progressBytes })
  }
  const read = async (sink: ChunkSink): Promise<void> => {
    const safe = guarded(sink)
    const take: ChunkSink = (chunk) => {
      check.take(chunk)
      onProgress?.(check.received)
      return safe(chunk)
    }
    try {
      await patiently(async () => {
        await open()
        const content = opened
        opened = undefined
        await content?.read(take)
      })
    } catch (error) {
      throw error instanceof SinkFailure ? error.error : error
    }
    if (size === 0) check.end()
  }
  await patiently(open)
  return { size, read, cancel }
}
