import type { RetryPolicy } from '../async/retry.ts'
import { isMirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { fetchFile } from './fetch-file.ts'
import { imageListFile } from './release-files.ts'

/** What the release API says about the image list: its SHA-256 in lower-case hex, or why that is not known. */
export type ReleaseDigest = { readonly sha256: string } | { readonly unknown: string }

/** Options of fetchReleaseDigest. */
export interface ReleaseDigestOptions {
  readonly retry?: Partial<RetryPolicy> | undefined
  readonly signal?: AbortSignal | undefined
}

function readDigest(body: Uint8Array): ReleaseDigest {
  let release: unknown
  try {
    release = JSON.parse(new TextDecoder().decode(body))
  } catch {
    return { unknown: 'the release API did not answer with JSON' }
  }
  const assets = (release as { assets?: unknown } | null)?.assets
  const entries: readonly unknown[] = Array.isArray(assets) ? assets : []
  const asset = entries.find((entry) => (entry as { name?: unknown } | null)?.name === imageListFile)
  const digest = (asset as { digest?: unknown } | undefined)?.digest
  const hex = typeof digest === 'string' ? /^sha256:([0-9a-f]{64})$/i.exec(digest)?.[1] : undefined
  return hex === undefined ? { unknown: 'the release API knows no digest of it' } : { sha256: hex.toLowerCase() }
}

/** Asks the release API for the digest of a release's image list; a failure is an answer (`unknown`), not an error. */
export async function fetchReleaseDigest(client: HttpClient, url: URL, options: ReleaseDigestOptions = {}): Promise<ReleaseDigest> {
  try {
    // The API's limit is 60 requests an hour: waiting for it to pass would hold up a run for a check that is extra.
    const retry: Partial<RetryPolicy> = { ...options.retry, retries: 1, maxThrottled: 0 }
    const response = await fetchFile(client, url, { signal: options.signal, retry, headers: { accept: 'application/vnd.github+json' } })
    if (response.status === 200) return readDigest(response.body)
    const limited = response.status === 403 && response.headers.get('x-ratelimit-remaining') === '0'
    return { unknown: limited ? 'the rate limit of the release API is used up' : `the release API answered HTTP ${response.status}` }
  } catch (error) {
    if (options.signal?.aborted || !isMirrorError(error)) throw error
    if (error.code === 'THROTTLED') return { unknown: 'the rate limit of the release API is used up' }
    return { unknown: `the release API did not answer (${error.code})` }
  }
}
