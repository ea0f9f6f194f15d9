import { retry, type RetryOptions } from '../async/retry.ts'
import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import type { HttpResponse } from '../http/message.ts'
import { parseRetryAfter } from '../http/retry-after.ts'
import { redactUrl } from '../text/redact.ts'
import { maxListBytes } from './list-text.ts'

/** Options of fetchFile. */
export interface FetchOptions {
  readonly retry?: Omit<RetryOptions, 'signal'> | undefined
  readonly signal?: AbortSignal | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Redirects that are followed; default 5. */
  readonly redirects?: number
}

/**
 * GETs a file of at most 10 MiB. Overload (429), server errors (5xx) and network failures are retried and then thrown,
 * as THROTTLED, UNAVAILABLE or the network's own code; every other status is an answer.
 */
export async function fetchFile(client: HttpClient, url: URL, options: FetchOptions = {}): Promise<HttpResponse> {
  const { signal, headers = {}, redirects = 5 } = options
  const once = async (): Promise<HttpResponse> => {
    const response = await client.request({
      method: 'GET',
      url,
      headers,
      redirects,
      maxBytes: maxListBytes,
      ...(signal !== undefined && { signal }),
    })
    const { status } = response
    if (status === 429 || status >= 500) {
      const [code, what] = status === 429 ? (['THROTTLED', 'too many requests'] as const) : (['UNAVAILABLE', 'the server failed'] as const)
      throw new MirrorError(code, `cannot fetch ${redactUrl(url)}: ${what} (HTTP ${status})`, {
        retryAfter: parseRetryAfter(response.headers.get('retry-after')),
      })
    }
    return response
  }
  return retry(once, { ...options.retry, signal })
}

/** The error for a status that is no success, where nothing more is known than the URL. */
export function unexpectedStatus(url: URL, status: number): MirrorError {
  const code = status === 401 ? 'UNAUTHORIZED' : status === 403 ? 'DENIED' : 'LIST_UNAVAILABLE'
  return new MirrorError(code, `cannot fetch ${redactUrl(url)}: the server answered HTTP ${status}`)
}
