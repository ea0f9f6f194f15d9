import { isMirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { fetchFile, type ListFetchOptions } from './fetch-file.ts'

/** A file of a release as the release API describes it. */
export interface ReleaseAsset {
  /** Lower-case hex; absent for files that were uploaded before GitHub stated digests, in June 2025. */
  readonly sha256?: string
  readonly size?: number
  /** Where it is downloaded. */
  readonly url?: string
}

/** The files of a release by name; none where `unknown` says why the API does not know them. */
export interface ReleaseAssets {
  readonly assets: ReadonlyMap<string, ReleaseAsset>
  readonly unknown?: string
}

function unknown(why: string): ReleaseAssets {
  return { assets: new Map(), unknown: why }
}

function readAssets(body: Uint8Array): ReleaseAssets {
  let release: unknown
  try {
    release = JSON.parse(new TextDecoder().decode(body))
  } catch {
    return unknown('the release API did not answer with JSON')
  }
  const assets = isJsonObject(release) ? release['assets'] : undefined
  const named = (Array.isArray(assets) ? assets.filter(isJsonObject) : []).flatMap(({ name, digest, size, browser_download_url: url }) => {
    if (typeof name !== 'string') return []
    const hex = typeof digest === 'string' ? /^sha256:([0-9a-f]{64})$/i.exec(digest)?.[1] : undefined
    const asset: ReleaseAsset = {
      ...(hex !== undefined && { sha256: hex.toLowerCase() }),
      ...(Number.isSafeInteger(size) && { size: Number(size) }),
      ...(typeof url === 'string' && { url }),
    }
    return [[name, asset] as const]
  })
  return { assets: new Map(named) }
}

/** Asks the release API for the files of a release; a failure is an answer (`unknown`), not an error. https://docs.github.com/en/rest/releases/releases */
export async function fetchReleaseAssets(client: HttpClient, url: URL, { retry, signal }: ListFetchOptions): Promise<ReleaseAssets> {
  const limited = unknown('the rate limit of the release API is used up')
  try {
    const { status, headers, body } = await fetchFile(client, url, {
      // The API's limit is 60 requests an hour: waiting for it to pass would hold up a run for a check that is extra.
      retry: { ...retry, retries: 1, maxThrottled: 0 },
      signal,
      headers: { accept: 'application/vnd.github+json' },
    })
    if (status === 200) return readAssets(body)
    if (status === 403 && headers.get('x-ratelimit-remaining') === '0') return limited
    return unknown(`the release API answered HTTP ${status}`)
  } catch (error) {
    if (signal?.aborted || !isMirrorError(error)) throw error
    return error.code === 'THROTTLED' ? limited : unknown(`the release API did not answer (${error.code})`)
  }
}
