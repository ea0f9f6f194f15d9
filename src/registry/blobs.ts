import type { Content } from '../async/content.ts'
import { isMirrorError, MirrorError, type ErrorCode } from '../errors.ts'
import { addressRefusal } from '../http/address.ts'
import type { StreamedAnswer } from '../http/send-request.ts'
import { parseContentRange } from '../oci/content-range.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { CallOptions, GetBlobOptions } from '../oci/image-source.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import { foreignText } from '../text/printable.ts'
import { redactUrl } from '../text/redact.ts'
import type { ApiRequest } from './api-request.ts'
import { askByHead, isWebPage } from './ask-by-head.ts'
import { apiUrl } from './endpoint.ts'
import { openRanged } from './ranged-download.ts'
import type { RegistryTransport } from './transport.ts'

/** What a blob is called in messages. */
export function blobName(repository: Repository, { digest }: Descriptor): string {
  return `blob ${digest} of ${formatRepository(repository)}`
}

/** True when the repository has the blob with the right size; 401 and 403 count as absent, as of a repository that is still to be made. */
export async function headBlob(
  transport: RegistryTransport,
  repository: Repository,
  descriptor: Descriptor,
  { signal, retries }: CallOptions & Pick<ApiRequest, 'retries'> = {},
): Promise<boolean> {
  const request = {
    url: apiUrl(transport.endpoint, repository.path, `blobs/${descriptor.digest}`),
    what: ['look up', blobName(repository, descriptor)] as const,
    repository: repository.path,
    signal,
    retries,
  }
  try {
    const response = await askByHead(transport, { ...request, asksFor: 'blob' })
    if (response?.status === 404) return false
    const size = response?.headers.integer('content-length')
    if (response !== undefined && (size === undefined || size === descriptor.size)) return true
    const isThere = await transport.retry(() => hasFirstByte(transport, request, descriptor), request)
    if (isThere) transport.distrusted.add('blob')
    return isThere
  } catch (error) {
    if (isMirrorError(error) && absentCodes.has(error.code)) return false
    throw error
  }
}

const absentCodes: ReadonlySet<ErrorCode> = new Set(['NOT_FOUND', 'UNAUTHORIZED', 'DENIED', 'UNSUPPORTED'])

/** Asks for as little of a blob as the registry lets us, and compares its whole size. */
async function hasFirstByte(
  transport: RegistryTransport,
  request: Pick<ApiRequest, 'url' | 'what' | 'repository' | 'signal'>,
  { size }: Descriptor,
): Promise<boolean> {
  const release = await transport.acquire(1)
  try {
    const headers = { accept: '*/*', 'accept-encoding': 'identity', ...(size > 0 && { range: 'bytes=0-0' }) }
    const download = await transport.download({ ...request, headers, expect: [200, 206] })
    const total = download.status === 206 ? parseContentRange(download.headers.get('content-range'))?.total : download.length
    // The one byte is read, so that the connection can be used again.
    if (download.length === 1) await download.read(() => undefined)
    else download.cancel()
    return !isWebPage(download.headers) && (total === undefined || total === size)
  } finally {
    release()
  }
}

/** URLs of one layer that are tried. */
const mostUrls = 5

/** Why a layer's URL is not asked: text that fits after "it is"; undefined when it may be. */
function refusalOf(url: URL, { endpoint, storageHosts }: RegistryTransport): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'neither http nor https'
  return addressRefusal(url, { url: endpoint.origin }, storageHosts)
}

/** Opens a foreign layer at the URLs that it names, never with credentials; undefined when it names no URL. Throws the failure of the last one. */
export async function openForeignLayer(
  transport: RegistryTransport,
  { digest, urls = [] }: Descriptor,
  options: CallOptions & { readonly headers: Readonly<Record<string, string>>; readonly expect: readonly number[] },
): Promise<StreamedAnswer | undefined> {
  let failure: unknown
  for (const text of urls.slice(0, mostUrls)) {
    try {
      if (!URL.canParse(text)) throw new MirrorError('REFUSED_ADDRESS', `foreign layer ${digest} has an invalid URL`)
      const url = new URL(text)
      const refusal = refusalOf(url, transport)
      if (refusal !== undefined) {
        throw new MirrorError(
          'REFUSED_ADDRESS',
          `foreign layer ${digest} is not read from ${foreignText(redactUrl(url))}, which is ${refusal}`,
        )
      }
      return await transport.downloadElsewhere({ ...options, url, what: ['read', `foreign layer ${digest}`] })
    } catch (error) {
      failure = error
    }
  }
  if (failure !== undefined) throw failure
  return undefined
}

/** Asks the registry, and for a foreign layer that it does not hold the addresses that the layer names. */
async function openBlob(
  transport: RegistryTransport,
  repository: Repository,
  descriptor: Descriptor,
  options: CallOptions & { readonly headers: Readonly<Record<string, string>>; readonly expect: readonly number[] },
): Promise<StreamedAnswer> {
  try {
    return await transport.download({
      ...options,
      url: apiUrl(transport.endpoint, repository.path, `blobs/${descriptor.digest}`),
      what: ['read', blobName(repository, descriptor)],
      repository: repository.path,
    })
  } catch (error) {
    if (!isMirrorError(error) || error.code !== 'NOT_FOUND') throw error
    const elsewhere = await openForeignLayer(transport, descriptor, options)
    if (elsewhere === undefined) throw error
    return elsewhere
  }
}

/** Opens a blob from `offset` on; bytes that a server without ranges sends again are skipped. Its slot is given back when it is read or cancelled. */
export async function getBlob(
  transport: RegistryTransport,
  repository: Repository,
  descriptor: Descriptor,
  options: GetBlobOptions = {},
): Promise<Content> {
  const { offset = 0, isResumed = false, signal } = options
  const release = isResumed ? () => undefined : await transport.acquire(descriptor.size)
  return openRanged(
    (expect, range) =>
      openBlob(transport, repository, descriptor, { expect, headers: { accept: '*/*', 'accept-encoding': 'identity', ...range }, signal }),
    { size: descriptor.size, offset, what: ['read', blobName(repository, descriptor)], declaredBy: 'the manifest', release },
  )
}
