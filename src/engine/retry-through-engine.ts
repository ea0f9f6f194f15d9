import { isTransient, retry, retryPolicy, type Retry, type RetryPolicy } from '../async/retry.ts'
import { isMirrorError, type Side } from '../errors.ts'
import { QuotaSpent } from './engine-error.ts'

/** How patiently a registry is asked through the Engine, and who hears of it. */
export interface PatienceOptions {
  readonly retry?: Partial<RetryPolicy> | undefined
  readonly onRetry?: ((retry: Retry) => void) | undefined
  /** `delay` in milliseconds. */
  readonly onThrottled?: ((throttled: { readonly side: Side; readonly origin: string; readonly delay: number }) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The daemon tries again by itself, and each of its rounds takes its time. */
const usualRetries = 3
/** A busy registry is waited for this many times as long as a failure: 5 s, then 10 s and so on. */
const throttleFactor = 20

/** Has the Engine ask a registry, again where a failure may pass; the daemon takes no pause by itself, so a busy registry gets one here. */
export function retryThroughEngine<T>(work: () => Promise<T>, side: Side, registry: string, options: PatienceOptions): Promise<T> {
  const { onRetry, onThrottled, signal } = options
  const policy = retryPolicy({ retries: usualRetries, ...options.retry })
  let pauses = 0
  const attempt = async (): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (!isMirrorError(error) || error.code !== 'THROTTLED' || error instanceof QuotaSpent) throw error
      const delay = Math.round(Math.min(2 * policy.maxDelay, policy.baseDelay * throttleFactor * 2 ** pauses++))
      onThrottled?.({ side, origin: registry, delay })
      throw error.with({ side, retryAfter: delay })
    }
  }
  return retry(attempt, { ...policy, onRetry, signal, isTransient: (error) => !(error instanceof QuotaSpent) && isTransient(error) })
}
