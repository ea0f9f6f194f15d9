import { setTimeout as sleep } from 'node:timers/promises'
import { isMirrorError, type ErrorCode, type MirrorError } from '../errors.ts'

/** What is about to be tried again; `delay` in milliseconds. */
export interface Retry {
  /** The number of the failed attempt, from 1. */
  readonly attempt: number
  readonly delay: number
  readonly error: MirrorError
}

/** How often and how patiently. */
export interface RetryPolicy {
  /** Attempts after the first one; waits that a server asked for by Retry-After do not count. */
  readonly retries: number
  /** Milliseconds of the first backoff; it doubles, and a random part of it is waited. */
  readonly baseDelay: number
  readonly maxDelay: number
  /** Milliseconds that one operation waits at most, over all its attempts, because servers asked by Retry-After. */
  readonly maxThrottled: number
}

/** Milliseconds that one operation waits for answers that do not come, before it is not tried again: the next try may wait as long. */
const mostWaited = 5 * 60_000

/** The policy that is asked for; by default 8 attempts, 0.25 s to 30 s apart, and up to 15 minutes of asked-for waits. */
export function retryPolicy({
  retries = 7,
  baseDelay = 250,
  maxDelay = 30_000,
  maxThrottled = 15 * 60_000,
}: Partial<RetryPolicy> = {}): RetryPolicy {
  return { retries, baseDelay, maxDelay, maxThrottled }
}

/** Options of `retry`. */
export interface RetryOptions extends Partial<RetryPolicy> {
  readonly signal?: AbortSignal | undefined
  readonly onRetry?: ((retry: Retry) => void) | undefined
  /** True where the attempt that failed got further than the ones before: the next is made at once, and it counts as the first failure. */
  readonly hasProgressed?: (() => boolean) | undefined
  /** Which failures are worth another try; default: isTransient. */
  readonly isTransient?: ((error: unknown) => boolean) | undefined
}

const transientCodes: ReadonlySet<ErrorCode> = new Set(['UNREACHABLE', 'CONNECTION_LOST', 'TIMEOUT', 'THROTTLED', 'UNAVAILABLE'])

/** True for a failure that may pass by itself: the network, a time-out, an overloaded or restarting server. */
export function isTransient(error: unknown): error is MirrorError {
  return isMirrorError(error) && transientCodes.has(error.code)
}

/** Judges the failures of one operation: wrong content, which a flipped bit may have made, gets one more try; of the rest `mayPass` decides. */
export function orWrongOnce(mayPass: (error: unknown) => boolean = isTransient): (error: unknown) => boolean {
  let wrong = 0
  return (error) => (isMirrorError(error) && error.code === 'INTEGRITY' ? ++wrong === 1 : mayPass(error))
}

/** A host that does not resolve or refuses connections rarely comes back within a minute: it gets fewer attempts. */
function attemptsFor(error: MirrorError, retries: number): number {
  if (error.code !== 'UNREACHABLE') return retries + 1
  const { code } = (error.cause ?? {}) as { code?: unknown }
  return Math.min(retries + 1, code === 'ENOTFOUND' ? 2 : 4)
}

/** Milliseconds that a failed attempt waited for an answer. */
function waitedFor({ cause }: MirrorError): number {
  const { waited } = (cause ?? {}) as { waited?: unknown }
  return typeof waited === 'number' ? waited : 0
}

function backoff(attempt: number, { baseDelay, maxDelay }: RetryPolicy): number {
  const ceiling = Math.min(maxDelay, baseDelay * 2 ** (attempt - 1))
  return Math.round(ceiling * (0.5 + Math.random() / 2))
}

/** Runs the operation until it succeeds, fails for good, or has used up its attempts; a Retry-After is waited exactly, or ends it beyond `maxThrottled`. */
export async function retry<T>(operation: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const policy = retryPolicy(options)
  const mayPass = options.isTransient ?? isTransient
  let throttled = 0
  let waited = 0
  let counted = 0
  for (let attempt = 1; ; attempt++) {
    try {
      options.signal?.throwIfAborted()
      return await operation(attempt)
    } catch (error) {
      if (options.signal?.aborted || !isMirrorError(error) || !mayPass(error)) throw error
      const hasProgressed = options.hasProgressed?.() === true
      if (hasProgressed) {
        attempt = 1
        counted = 0
        waited = 0
      }
      const retryAfter = error.retryAfter !== undefined && error.retryAfter > 0 ? error.retryAfter : undefined
      if (retryAfter === undefined) counted++
      else throttled += retryAfter
      waited += waitedFor(error)
      if (counted >= attemptsFor(error, policy.retries) || throttled > policy.maxThrottled || waited > mostWaited) throw error
      const delay = retryAfter ?? (hasProgressed ? 0 : backoff(counted, policy))
      options.onRetry?.({ attempt, delay, error })
      await sleep(delay, undefined, { signal: options.signal })
    }
  }
}
