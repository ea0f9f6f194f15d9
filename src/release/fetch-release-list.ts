import { createHash } from 'node:crypto'
import type { RetryPolicy } from '../async/retry.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { redactUrl } from '../text/redact.ts'
import { parseChecksumFile } from './checksum-file.ts'
import { fetchFile, unexpectedStatus, type FetchOptions } from './fetch-file.ts'
import { parseImageList, type ListCoverage, type ParsedReferences, type SelectedList } from './image-list.ts'
import { decodeList } from './list-text.ts'
import { fetchReleaseDigest } from './release-digest.ts'
import { checksumFile, defaultArtifactUrl, imageListFile, releaseApiUrlOf, releaseFileUrl } from './release-files.ts'
import { hasImageList, parseVersion } from './version.ts'

/** Options of fetchReleaseList. */
export interface ReleaseListOptions {
  /** Where release files are, `<url>/<tag>/<file>`; default GitHub's release downloads. */
  readonly artifactUrl?: string | undefined
  /** Where `<url>/tags/<tag>` names the digests of a release's files; default GitHub's API, when the files come from GitHub. */
  readonly releaseApiUrl?: string | undefined
  /** The SHA-256 that the list must have, lower-case hex. */
  readonly listSha256?: string | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  readonly signal?: AbortSignal | undefined
}

/** One list, read and checked. */
export interface CheckedList extends ParsedReferences {
  readonly list: SelectedList
}

/** The SHA-256 of a list in lower-case hex. */
export function listSha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Throws CHECKSUM_MISMATCH unless the two are the same; `authority` is what names the expected one. */
export function requireSha256(name: string, expected: string, actual: string, authority: string): void {
  if (expected === actual) return
  throw new MirrorError(
    'CHECKSUM_MISMATCH',
    `${name}: the checksum does not match: ${authority} says ${expected}, the list has ${actual}`,
    {
      hint: 'Nothing of this list is used. It was changed or cut short on its way, or the expected checksum is for another release.',
    },
  )
}

async function fetchList(client: HttpClient, url: URL, tag: string, options: FetchOptions): Promise<Uint8Array> {
  const { status, body } = await fetchFile(client, url, options)
  if (status === 200) return body
  if (status === 404 || status === 410) {
    throw new MirrorError('RELEASE_NOT_FOUND', `K3s release ${tag} not found at ${redactUrl(url)}`, {
      hint: 'Check the tag (https://github.com/k3s-io/k3s/releases), or give a channel such as stable; --artifact-url says where release files are.',
    })
  }
  throw unexpectedStatus(url, status)
}

/** A checksum file that may exist and cannot be had is not taken for none. */
function withoutChecksum(cause: MirrorError): MirrorError {
  const hint = "Without the checksum file the list cannot be checked. Try again later, or give the list's checksum with --list-sha256."
  return new MirrorError('LIST_UNAVAILABLE', cause.message, { hint, cause })
}

/** The list's checksum in the checksum file, if the file exists and names it. */
async function fetchChecksum(client: HttpClient, url: URL, options: FetchOptions): Promise<string | undefined> {
  const response = await fetchFile(client, url, options).catch((error: unknown) => {
    throw isMirrorError(error) ? withoutChecksum(error) : error
  })
  if (response.status === 404 || response.status === 410) return undefined
  if (response.status !== 200) throw withoutChecksum(unexpectedStatus(url, response.status))
  return parseChecksumFile(new TextDecoder().decode(response.body), redactUrl(url)).get(imageListFile)
}

/** The outcome of a promise, so that a rejection waits until somebody looks. */
async function settle<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([promise])
  return result
}

/** The list and the outcome of its checksum, fetched side by side; a list that fails ends both. */
async function fetchBoth(
  client: HttpClient,
  tag: string,
  options: ReleaseListOptions,
): Promise<{ readonly bytes: Uint8Array; readonly checksum: PromiseSettledResult<string | undefined> }> {
  const artifactUrl = options.artifactUrl ?? defaultArtifactUrl
  const listFailed = new AbortController()
  const signal = options.signal === undefined ? listFailed.signal : AbortSignal.any([options.signal, listFailed.signal])
  const checksum = settle(fetchChecksum(client, releaseFileUrl(artifactUrl, tag, checksumFile), { retry: options.retry, signal }))
  try {
    const bytes = await fetchList(client, releaseFileUrl(artifactUrl, tag, imageListFile), tag, {
      retry: options.retry,
      signal: options.signal,
    })
    return { bytes, checksum: await checksum }
  } catch (error) {
    listFailed.abort()
    await checksum
    throw error
  }
}

interface Coverage {
  readonly coverage: ListCoverage
  readonly warnings: readonly string[]
}

/** What vouches for a list that no checksum file names. */
async function coverageWithoutFile(client: HttpClient, tag: string, sha256: string, options: ReleaseListOptions): Promise<Coverage> {
  const url = releaseApiUrlOf(options.artifactUrl ?? defaultArtifactUrl, tag, options.releaseApiUrl)
  const digest = url === undefined ? undefined : await fetchReleaseDigest(client, url, options)
  if (digest !== undefined && 'sha256' in digest) {
    requireSha256(tag, digest.sha256, sha256, 'the release API')
    return { coverage: 'release-api', warnings: [] }
  }
  const why = digest === undefined ? '' : ` (${digest.unknown})`
  return { coverage: 'none', warnings: [`the image list of ${tag} is not covered by a checksum${why}; its sha256 is ${sha256}`] }
}

/**
 * The image list of a release, checked against the release's checksum file, or else the release API, or a given checksum.
 * Throws RELEASE_NOT_FOUND, LIST_UNAVAILABLE (no list before v1.17.4, or a checksum file that cannot be had),
 * CHECKSUM_MISMATCH, or INVALID_LIST for what is no list.
 */
export async function fetchReleaseList(client: HttpClient, tag: string, options: ReleaseListOptions = {}): Promise<CheckedList> {
  if (!hasImageList(parseVersion(tag))) {
    throw new MirrorError('LIST_UNAVAILABLE', `K3s release ${tag} has no image list: K3s publishes one since v1.17.4`, {
      hint: 'Give a list of your own with --images.',
    })
  }
  const { bytes, checksum } = await fetchBoth(client, tag, options)
  const sha256 = listSha256Of(bytes)
  const expected = checksum.status === 'fulfilled' ? checksum.value : undefined
  if (options.listSha256 !== undefined) requireSha256(tag, options.listSha256, sha256, '--list-sha256')
  if (expected !== undefined) requireSha256(tag, expected, sha256, checksumFile)
  // A web page in place of the list explains more than the same page in place of the checksum file.
  const text = decodeList(bytes, tag)
  if (checksum.status === 'rejected' && options.listSha256 === undefined) throw checksum.reason
  const { coverage, warnings } =
    options.listSha256 !== undefined
      ? { coverage: 'pinned' as const, warnings: [] }
      : expected !== undefined
        ? { coverage: 'checksum-file' as const, warnings: [] }
        : await coverageWithoutFile(client, tag, sha256, options)
  const parsed = parseImageList(text, tag)
  return {
    images: parsed.images,
    warnings: [...warnings, ...parsed.warnings],
    list: { name: tag, sha256, coverage, release: tag, images: parsed.images.length },
  }
}
