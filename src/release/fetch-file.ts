import { retry, type RetryOptions, type RetryPolicy } from '../async/retry.ts'
import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { parseRetryAfter, type HttpResponse } from '../http/message.ts'
import { redactUrl } from '../text/redact.ts'
import { maxListBytes } from './list-text.ts'

/** Where the lists, channels and checksums of releases are. */
export interface ListSources {
  /** Where release files are, `<url>/<tag>/<file>`; undefined or empty: GitHub's release downloads. */
  readonly artifactUrl?: string | undefined
  /** Where channels are, one a path segment; undefined or empty: K3s' own server. */
  readonly channelUrl?: string | undefined
  /** Where `<url>/tags/<tag>` names the digests of a release's files; default GitHub's API, when the files come from GitHub. */
  readonly releaseApiUrl?: string | undefined
  /** The SHA-256 of the one list, 64 hexadecimal digits. */
  readonly listSha256?: string | undefined
}

/** The same, and how patiently they are asked. */
export interface ListFetchOptions extends ListSources {
  readonly retry?: Partial<RetryPolicy> | undefined
  readonly signal?: AbortSignal | undefined
}

/** Options of fetchFile. */
export interface FetchOptions {
  readonly retry?: Omit<RetryOptions, 'signal'> | undefined
  readonly signal?: AbortSignal | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Redirects that are followed; default 5. */
  readonly redirects?: number
}

/** GETs a file of at most 10 MiB; 429, 5xx and network failures are retried and then thrown, every other status is an answer. */
export async function fetchFile(client: HttpClient, url: URL, options: FetchOptions = {}): Promise<HttpResponse> {
  const { signal, headers, redirects = 5 } = options
  const once = async (): Promise<HttpResponse> => {
    const response = await client.request({ method: 'GET', url, headers, redirects, maxBytes: maxListBytes, signal })
    const failure = temporaryFailure(url, response)
    if (failure !== undefined) throw failure
    return response
  }
  return retry(once, { ...options.retry, signal })
}

/** The error for a status that may pass, 429 or 5xx; undefined for any other. */
export function temporaryFailure(url: URL, { status, headers }: Pick<HttpResponse, 'status' | 'headers'>): MirrorError | undefined {
  if (status !== 429 && status < 500) return undefined
  const [code, what] = status === 429 ? (['THROTTLED', 'too many requests'] as const) : (['UNAVAILABLE', 'the server failed'] as const)
  return new MirrorError(code, `cannot fetch ${redactUrl(url)}: ${what} (HTTP ${status})`, {
    retryAfter: parseRetryAfter(headers.get('retry-after')),
  })
}

/** True for a status that says that there is no such file. */
export function isAbsent(status: number): boolean {
  return status === 404 || status === 410
}

/** The error for an unexpected status, where only the URL is known. */
export function unexpectedStatus(url: URL, status: number): MirrorError {
  const code = status === 401 ? 'UNAUTHORIZED' : status === 403 ? 'DENIED' : 'LIST_UNAVAILABLE'
  return new MirrorError(code, `cannot fetch ${redactUrl(url)}: the server answered HTTP ${status}`)
}
