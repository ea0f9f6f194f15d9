import { createHash } from 'node:crypto'
import { MirrorError, isMirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { redactUrl } from '../text/redact.ts'
import { fetchFile, isAbsent, unexpectedStatus, type FetchOptions, type ListFetchOptions } from './fetch-file.ts'
import { parseImageList, type ListCoverage, type NotedImages, type SelectedList } from './image-list.ts'
import { decodeList } from './list-text.ts'
import { fetchReleaseAssets } from './release-api.ts'
import { checksumFile, defaultArtifactUrl, imageListFile, releaseApiUrlOf, releaseFileUrl } from './release-files.ts'
import { hasImageList, parseVersion } from './version.ts'

function refuse(name: string, why: string): never {
  throw new MirrorError('CHECKSUM_MISMATCH', `${name}: ${why}`, {
    hint: 'compare the checksum file with the one that K3s published; nothing of this release was used',
  })
}

/** One line of `sha256sum`, in text (two spaces) or binary mode (space and asterisk). */
const grammar = /^([0-9a-fA-F]{64}) [ *](\S+)$/

/** Reads the output of `sha256sum`, file name to lower-case hex; throws CHECKSUM_MISMATCH, which calls the file `name`, for all that leaves a doubt. */
export function parseChecksumFile(text: string, name: string): ReadonlyMap<string, string> {
  const hashes = new Map<string, string>()
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trimEnd()
    if (line === '') continue
    const [, hash, file] = grammar.exec(line) ?? []
    if (hash === undefined || file === undefined) refuse(name, `line ${index + 1} is not a SHA-256 checksum and a file name`)
    if (/[/\\]/.test(file)) refuse(name, `line ${index + 1} names a file with a path`)
    const known = hashes.get(file)
    if (known !== undefined && known !== hash.toLowerCase())
      refuse(name, `line ${index + 1} gives a second, different checksum for one file`)
    hashes.set(file, hash.toLowerCase())
  }
  if (hashes.size === 0) refuse(name, 'it contains no checksums')
  return hashes
}

/** One list, read and checked. */
export interface CheckedList extends NotedImages {
  readonly list: SelectedList
}

/** The SHA-256 of a list in lower-case hex. */
export function listSha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Throws CHECKSUM_MISMATCH unless the two are the same; `authority` is what names the expected one. */
export function requireSha256(name: string, expected: string, actual: string, authority: string): void {
  if (expected === actual) return
  const message = `${name}: the checksum does not match: expected ${expected} from ${authority}, got ${actual}`
  throw new MirrorError('CHECKSUM_MISMATCH', message, {
    hint: 'download the list again, and check that the checksum is for this release; nothing of this list was used',
  })
}

async function fetchList(client: HttpClient, url: URL, tag: string, options: FetchOptions): Promise<Uint8Array> {
  const { status, body } = await fetchFile(client, url, options)
  if (status === 200) return body
  if (!isAbsent(status)) throw unexpectedStatus(url, status)
  throw new MirrorError('RELEASE_NOT_FOUND', `K3s release ${tag} not found at ${redactUrl(url)}`, {
    hint: 'check the tag (https://github.com/k3s-io/k3s/releases) or options.artifactUrl, or pass a channel such as stable',
  })
}

/** A checksum file that may exist and cannot be had is not taken for none. */
function withoutChecksum(cause: MirrorError): MirrorError {
  const hint = "try again later, or pass the list's checksum with options.listSha256: without the checksum file the list cannot be verified"
  return new MirrorError('LIST_UNAVAILABLE', cause.message, { hint, cause })
}

/** The list's checksum in the checksum file, if the file exists and names it. */
async function fetchChecksum(client: HttpClient, url: URL, options: FetchOptions): Promise<string | undefined> {
  const { status, body } = await fetchFile(client, url, options).catch((error: unknown) => {
    throw isMirrorError(error) ? withoutChecksum(error) : error
  })
  if (isAbsent(status)) return undefined
  if (status !== 200) throw withoutChecksum(unexpectedStatus(url, status))
  return parseChecksumFile(new TextDecoder().decode(body), redactUrl(url)).get(imageListFile)
}

/** The list and the outcome of its checksum, fetched side by side; a list that fails ends both. */
async function fetchBoth(
  client: HttpClient,
  tag: string,
  { artifactUrl = defaultArtifactUrl, retry, signal }: ListFetchOptions,
): Promise<{ readonly bytes: Uint8Array; readonly checksum: PromiseSettledResult<string | undefined> }> {
  const failed = new AbortController()
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  const [list, checksum] = await Promise.allSettled([
    fetchList(client, releaseFileUrl(artifactUrl, tag, imageListFile), tag, { retry, signal }).catch((error: unknown) => {
      failed.abort()
      throw error
    }),
    fetchChecksum(client, releaseFileUrl(artifactUrl, tag, checksumFile), { retry, signal: either }),
  ])
  if (list.status === 'rejected') throw list.reason
  return { bytes: list.value, checksum }
}

/** How a list is verified that no checksum file names, and a warning where it is not. */
async function coverageWithoutFile(
  client: HttpClient,
  tag: string,
  sha256: string,
  options: ListFetchOptions,
): Promise<readonly [ListCoverage, ...warnings: readonly string[]]> {
  const url = releaseApiUrlOf(options.artifactUrl ?? defaultArtifactUrl, tag, options.releaseApiUrl)
  const release = url === undefined ? undefined : await fetchReleaseAssets(client, url, options)
  const expected = release?.assets.get(imageListFile)?.sha256
  if (expected !== undefined) {
    requireSha256(tag, expected, sha256, 'the release API')
    return ['release-api']
  }
  const why = release === undefined ? '' : ` (${release.unknown ?? 'the release API knows no digest of it'})`
  return ['none', `the image list of ${tag} is not covered by a checksum${why}; its sha256 is ${sha256}`]
}

/** The image list of a release, checked by its checksum file, the release API, or a given checksum; throws RELEASE_NOT_FOUND, LIST_UNAVAILABLE, CHECKSUM_MISMATCH, INVALID_LIST. */
export async function fetchReleaseList(client: HttpClient, tag: string, options: ListFetchOptions = {}): Promise<CheckedList> {
  if (!hasImageList(parseVersion(tag))) {
    throw new MirrorError('LIST_UNAVAILABLE', `K3s release ${tag} has no image list: only v1.17.4 and later have one`, {
      hint: 'pass your own list with options.images',
    })
  }
  const { listSha256 } = options
  const { bytes, checksum } = await fetchBoth(client, tag, options)
  const sha256 = listSha256Of(bytes)
  const expected = checksum.status === 'fulfilled' ? checksum.value : undefined
  if (listSha256 !== undefined) requireSha256(tag, listSha256, sha256, 'options.listSha256')
  if (expected !== undefined) requireSha256(tag, expected, sha256, checksumFile)
  // A web page in place of the list explains more than the same page in place of the checksum file.
  const text = decodeList(bytes, tag)
  if (checksum.status === 'rejected' && listSha256 === undefined) throw checksum.reason
  const known = listSha256 !== undefined ? (['pinned'] as const) : expected !== undefined ? (['checksum-file'] as const) : undefined
  const [coverage, ...warnings] = known ?? (await coverageWithoutFile(client, tag, sha256, options))
  const { images, warnings: more } = parseImageList(text, tag)
  return { images, warnings: [...warnings, ...more], list: { name: tag, sha256, coverage, release: tag, images: images.length } }
}
