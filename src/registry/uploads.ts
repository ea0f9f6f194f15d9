import type { Content } from '../async/content.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import { addressRefusal } from '../http/address.ts'
import type { HttpResponse } from '../http/message.ts'
import { redirectHint, redirectUrl, trustHint } from '../http/redirect.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { BlobUpload, OfferedBlob, OfferOptions } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Repository } from '../oci/reference.ts'
import { foreignText } from '../text/printable.ts'
import { redactUrl } from '../text/redact.ts'
import type { ApiRequest } from './api-request.ts'
import { blobName, headBlob } from './blobs.ts'
import { apiUrl, type Endpoint } from './endpoint.ts'
import { registryAnswer } from './registry-error.ts'
import { smallBlobBytes, type RegistryTransport } from './transport.ts'

/** True for `host[:port]/path` of the registry itself, without a scheme. */
function isBareHost(location: string, { protocol, host }: URL): boolean {
  const authority = /^[^/?#]+(?=\/)/.exec(location)?.[0]
  const text = `${protocol}//${authority}`
  return authority !== undefined && URL.canParse(text) && new URL(text).host === host
}

/** Where to continue an upload, from the Location of its opening; http at an https registry's own host is read as https. Throws PROTOCOL and REFUSED_ADDRESS. */
export function uploadUrl(response: HttpResponse, trusted: readonly string[] = []): URL {
  const locations = [...new Set(response.headers.all('location'))]
  const [location] = locations
  const { url } = response
  if (location === undefined || locations.length > 1) {
    throw new MirrorError(
      'PROTOCOL',
      `${url.host} opened an upload ${location === undefined ? 'without a Location header' : 'with two Location headers'}`,
    )
  }
  let next
  try {
    next = new URL(isBareHost(location, url) ? `${url.protocol}//${location}` : location, url)
  } catch (cause) {
    throw new MirrorError('PROTOCOL', `${url.host} returned an invalid upload URL`, { cause })
  }
  next.hash = ''
  if (next.protocol === 'http:' && url.protocol === 'https:' && next.hostname === url.hostname && next.port === '') {
    next.protocol = 'https:'
    next.port = url.port
  }
  const refusal = addressRefusal(next, response, trusted)
  if ((next.protocol !== 'https:' && next.protocol !== url.protocol) || refusal !== undefined) {
    throw new MirrorError(
      'REFUSED_ADDRESS',
      `${url.host} returned the upload URL ${foreignText(redactUrl(next))}, ${refusal === undefined ? 'which is not encrypted' : `which is ${refusal}`}`,
      { hint: refusal === undefined ? redirectHint(url, next) : trustHint(next) },
    )
  }
  return next
}

/** The failure of an upload at an address that the registry named itself, with who named it; what else fails stays as it is. */
function explainAddress(error: unknown, url: URL, { origin }: Endpoint): unknown {
  if (url.origin === origin.origin || !isMirrorError(error)) return error
  const logIn = `use options.to ${url.host} if both are one registry, or correct the address that ${origin.host} names: its credentials are sent only to it`
  const hint = error.code === 'UNAUTHORIZED' ? logIn : (redirectHint(origin, url) ?? error.hint)
  return error.with({ message: `${error.message}; ${origin.host} named ${url.origin} for the upload`, hint })
}

/** The URL that closes an upload: `digest` is appended as text, because the query may be signed as it stands. */
export function withDigest(url: URL, digest: Digest): URL {
  const joint = url.search !== '' ? '&' : url.href.endsWith('?') ? '' : '?'
  return new URL(`${url.href}${joint}digest=${digest}`)
}

/** Milliseconds that cancelling an upload may take; the registry forgets it by itself sooner or later. */
const cancelTimeout = 2000

/** Redirects of one PUT: each costs the content once more. */
const mostRedirects = 3

/** Finds out whether a repository has a blob or can mount it: a small one by a mount from itself, or from where it may be, which opens the upload too, a large one by HEAD. */
export async function offerBlob(
  transport: RegistryTransport,
  repository: Repository,
  descriptor: Descriptor,
  { from, isGuess = false, presence, signal }: OfferOptions = {},
): Promise<OfferedBlob> {
  const upload = new RegistryUpload(transport, repository, descriptor)
  const has = (): Promise<boolean> => headBlob(transport, repository, descriptor, { signal })
  try {
    if (presence === 'disproved') return { kind: 'upload', upload }
    if (presence === 'likely' && (await has())) return { kind: 'present' }
    const isSmall = descriptor.size <= smallBlobBytes
    if (isGuess && !isSmall && (await has())) return { kind: 'present' }
    if (from !== undefined && (await upload.mount(from, signal))) return { kind: 'mounted' }
    if (isGuess) return { kind: 'upload', upload }
    const mountsItself = from === undefined && isSmall
    if (!(await (mountsItself ? upload.mount(repository, signal) : has()))) return { kind: 'upload', upload }
  } catch (error) {
    await upload.cancel()
    throw error
  }
  await upload.cancel()
  return { kind: 'present' }
}

/** True where the registry itself said no to a closing PUT, for good or for bad, or nothing at all in time. */
function isUndecided(error: unknown): boolean {
  return isMirrorError(error) && (error.code === 'TIMEOUT' || (error.code !== 'THROTTLED' && registryAnswer(error) !== undefined))
}

class RegistryUpload implements BlobUpload {
  readonly #transport: RegistryTransport
  readonly #repository: Repository
  readonly #descriptor: Descriptor
  readonly #name: string
  /** Where to resume the upload that the registry keeps open; undefined without an open upload. */
  #opened: URL | undefined

  constructor(transport: RegistryTransport, repository: Repository, descriptor: Descriptor) {
    this.#transport = transport
    this.#repository = repository
    this.#descriptor = descriptor
    this.#name = blobName(repository, descriptor)
  }

  /** Mounts the blob of another repository; false when the registry would not. An upload that it opened in place of it is kept for `put`. */
  async mount(from: Repository, signal: AbortSignal | undefined): Promise<boolean> {
    const { digest } = this.#descriptor
    try {
      const response = await this.#post(`?mount=${digest}&from=${this.#transport.endpoint.prefix}${from.path}`, {
        what: ['mount', `blob ${digest} into ${this.#repository.path}`],
        from: from.path,
        expect: [201, 202],
        retries: 0,
        signal,
      })
      if (response.status === 202) this.#opened = uploadUrl(response, this.#transport.storageHosts)
      const stated = response.headers.get('docker-content-digest')
      return response.status === 201 && (stated === undefined || stated === digest)
    } catch (error) {
      if (signal?.aborted || !(error instanceof MirrorError) || error.code === 'UNREACHABLE') throw error
      return false
    }
  }

  /** Uploads the blob in one streamed PUT, which every registry accepts; the next try resumes an upload that was only throttled. */
  put(open: () => Promise<Content>, { signal }: CallOptions = {}): Promise<boolean> {
    return this.#transport.sided(async () => {
      // The source answers while the destination opens the upload: a round trip less per blob.
      const [opened, content] = await Promise.allSettled([this.#open(signal), open()])
      if (opened.status === 'rejected' || content.status === 'rejected') {
        if (content.status === 'fulfilled') content.value.cancel()
        await this.cancel()
        throw content.status === 'rejected' ? content.reason : opened.status === 'rejected' ? opened.reason : undefined
      }
      const has = (retries?: number): Promise<boolean> => headBlob(this.#transport, this.#repository, this.#descriptor, { signal, retries })
      let status
      try {
        status = await this.#send(opened.value, content.value, open, signal)
      } catch (error) {
        // Some refuse what they have, and another client may have been faster.
        if (isUndecided(error) && (await has(0).catch(() => false))) return false
        throw error
      }
      // Sent in a slot of its own: waiting for a second slot while holding the first could deadlock.
      if (status === 201 || (await this.#transport.settles(has, signal))) return true
      throw new MirrorError('PROTOCOL', `${this.#transport.endpoint.origin.host} accepted ${this.#name} but does not have it`, {
        subject: this.#name,
      })
    })
  }

  /** Best effort, and on a signal of its own: it also runs when the run has been aborted. */
  async cancel(): Promise<void> {
    const url = this.#opened
    this.#opened = undefined
    if (url === undefined) return
    const signal = AbortSignal.timeout(cancelTimeout)
    const { path } = this.#repository
    await this.#transport
      .sendOnce({ method: 'DELETE', url, what: ['cancel', 'an upload'], repository: path, expect: [204], signal })
      .catch(() => undefined)
  }

  async #open(signal: AbortSignal | undefined): Promise<URL> {
    if (this.#opened === undefined) {
      const response = await this.#post('', { what: ['upload', this.#name], expect: [202], signal })
      this.#opened = uploadUrl(response, this.#transport.storageHosts)
    }
    return this.#opened
  }

  #post(query: string, request: Omit<ApiRequest, 'method' | 'url' | 'repository' | 'opens'>): Promise<HttpResponse> {
    const { path } = this.#repository
    const url = apiUrl(this.#transport.endpoint, path, `blobs/uploads/${query}`)
    return this.#transport.send({ method: 'POST', url, repository: path, opens: true, ...request })
  }

  /** Sends the content, and again to wherever it is redirected, and gives the status of the answer. Throws UNAVAILABLE where a new upload may succeed. */
  async #send(opened: URL, first: Content, open: () => Promise<Content>, signal: AbortSignal | undefined): Promise<number> {
    const { endpoint, storageHosts } = this.#transport
    let content = first
    let url = withDigest(opened, this.#descriptor.digest)
    let isAnonymous = false
    try {
      for (let redirects = 0; ; redirects++) {
        const expect = redirects < mostRedirects ? [200, 201, 202, 204, 307, 308] : [200, 201, 202, 204]
        const response = await this.#put({ url, content, expect, isAnonymous, signal })
        if (response.status !== 307 && response.status !== 308) {
          this.#opened = undefined
          return response.status
        }
        content.cancel()
        // What another host names gets no credentials, be it at the registry.
        isAnonymous ||= response.url.origin !== endpoint.origin.origin
        url = redirectUrl(response, storageHosts)
        content = await open()
      }
    } catch (error) {
      content.cancel()
      if (!isMirrorError(error) || error.code !== 'THROTTLED') await this.cancel()
      const failure = explainAddress(error, url, endpoint)
      // The registry has lost the upload, or somebody else is writing the same blob.
      const mayPass = isMirrorError(failure) && (failure.code === 'NOT_FOUND' || registryAnswer(failure)?.status === 409)
      throw mayPass ? failure.with({ code: 'UNAVAILABLE', side: undefined }) : failure
    }
  }

  /** Sends the content once, in a slot of its own: holding a slot while waiting for the source could deadlock. */
  async #put(
    request: Pick<ApiRequest, 'url' | 'expect' | 'isAnonymous' | 'signal'> & { readonly content: Content },
  ): Promise<HttpResponse> {
    const release = await this.#transport.acquire(this.#descriptor.size)
    try {
      return await this.#transport.upload({
        ...request,
        what: ['upload', this.#name],
        repository: this.#repository.path,
        headers: { 'content-type': 'application/octet-stream' },
      })
    } finally {
      release()
    }
  }
}
