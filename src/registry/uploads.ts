import type { Content } from '../async/content.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { HttpResponse } from '../http/message.ts'
import { redirectUrl } from '../http/redirect.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Repository } from '../oci/reference.ts'
import type { ApiRequest } from './api-request.ts'
import { blobName, headBlob } from './blobs.ts'
import { apiUrl } from './endpoint.ts'
import { isSettled } from './is-settled.ts'
import { registryAnswer } from './registry-error.ts'
import type { RegistryTransport } from './transport.ts'
import { explainPlace, uploadUrl, withDigest } from './upload-url.ts'

/** Milliseconds that cancelling an upload may take; the registry forgets it by itself sooner or later. */
const cancelTimeout = 2000

/** Redirects of one PUT: each costs the content once more. */
const mostRedirects = 3

/** A blob on its way into an open upload. */
interface BlobUpload extends CallOptions {
  readonly repository: Repository
  readonly descriptor: Descriptor
  readonly content: Content
  readonly open: () => Promise<Content>
}

/** True where the registry itself said no to a closing PUT, for good or for bad, or nothing at all in time. */
function isUndecided(error: unknown): boolean {
  return isMirrorError(error) && (error.code === 'TIMEOUT' || (error.code !== 'THROTTLED' && registryAnswer(error) !== undefined))
}

function keyOf({ path }: Repository, digest: Digest): string {
  return `${path}@${digest}`
}

/** The uploads of one registry, and the sessions that a refused mount has opened already. */
export class Uploads {
  readonly #transport: RegistryTransport
  readonly #opened = new Map<string, URL>()

  constructor(transport: RegistryTransport) {
    this.#transport = transport
  }

  /**
   * Mounts a blob of another repository: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#mounting-a-blob-from-another-repository.
   * False when the registry would not, for whatever reason; an upload that it opened in place of it is kept for putBlob.
   */
  async mountBlob(repository: Repository, digest: Digest, from: Repository, options: CallOptions = {}): Promise<boolean> {
    const { endpoint } = this.#transport
    const url = apiUrl(endpoint, repository.path, `blobs/uploads/?mount=${digest}&from=${endpoint.prefix}${from.path}`)
    try {
      const response = await this.#transport.send({
        method: 'POST',
        url,
        what: `mount blob ${digest} into ${repository.path}`,
        repository: repository.path,
        from: from.path,
        expect: [201, 202],
        opens: true,
        retries: 0,
        signal: options.signal,
      })
      if (response.status === 201) {
        const stated = response.headers.get('docker-content-digest')
        return stated === undefined || stated === digest
      }
      await this.#keep(repository, digest, uploadUrl(response, this.#transport.storageHosts))
      return false
    } catch (error) {
      if (options.signal?.aborted || !(error instanceof MirrorError) || error.code === 'UNREACHABLE') throw error
      return false
    }
  }

  /**
   * Uploads a blob in one streamed PUT, which every registry takes: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#post-then-put.
   * Not retried here: the content can be read once. The upload of a failed try is cancelled. False where the PUT was refused, or not answered in time,
   * and the registry has the blob all the same: some refuse what they have, and another client may have been faster.
   */
  async putBlob(repository: Repository, descriptor: Descriptor, open: () => Promise<Content>, options: CallOptions = {}): Promise<boolean> {
    const transport = this.#transport
    // The source answers while the destination opens the upload: a round trip less per blob. A place at the destination is taken only
    // for the bytes themselves, so that it is busy with some blobs while the source is with others.
    const [opened, content] = await Promise.allSettled([this.#openUpload(repository, descriptor, options), open()])
    if (opened.status === 'rejected' || content.status === 'rejected') {
      if (content.status === 'fulfilled') content.value.cancel()
      if (opened.status === 'fulfilled') await this.#cancel(opened.value, repository)
      throw content.status === 'rejected' ? content.reason : opened.status === 'rejected' ? opened.reason : undefined
    }
    let status
    try {
      status = await this.#send(opened.value, { repository, descriptor, content: content.value, open, signal: options.signal })
    } catch (error) {
      if (isUndecided(error) && (await headBlob(transport, repository, descriptor, { ...options, retries: 0 }).catch(() => false)))
        return false
      throw error
    }
    // Asked for in a place of its own: whoever waits for a second one while holding the first may wait for ever.
    const has = (): Promise<boolean> => headBlob(transport, repository, descriptor, options)
    if (status === 201 || (await isSettled(transport, has, options.signal))) return true
    throw new MirrorError('PROTOCOL', `${transport.endpoint.origin.host} accepted ${blobName(repository, descriptor)} but does not have it`)
  }

  /** Keeps an upload that a refused mount opened; one that is kept already, since an earlier try failed in between, is cancelled. */
  async #keep(repository: Repository, digest: Digest, url: URL): Promise<void> {
    const key = keyOf(repository, digest)
    const before = this.#opened.get(key)
    this.#opened.set(key, url)
    if (before !== undefined) await this.#cancel(before, repository)
  }

  async #openUpload(repository: Repository, descriptor: Descriptor, options: CallOptions): Promise<URL> {
    const key = keyOf(repository, descriptor.digest)
    const opened = this.#opened.get(key)
    this.#opened.delete(key)
    if (opened !== undefined) return opened
    const response = await this.#transport.send({
      method: 'POST',
      url: apiUrl(this.#transport.endpoint, repository.path, 'blobs/uploads/'),
      what: `upload ${blobName(repository, descriptor)}`,
      repository: repository.path,
      expect: [202],
      opens: true,
      signal: options.signal,
    })
    return uploadUrl(response, this.#transport.storageHosts)
  }

  /**
   * Sends the content, and again to wherever it is redirected, and gives the status of the answer. Throws UNAVAILABLE where a new upload may succeed.
   */
  async #send(opened: URL, blob: BlobUpload): Promise<number> {
    const transport = this.#transport
    const { repository, descriptor, open } = blob
    let { content } = blob
    let url = withDigest(opened, descriptor.digest)
    let isAnonymous = false
    try {
      for (let redirects = 0; ; redirects++) {
        const expect = redirects < mostRedirects ? [200, 201, 202, 204, 307, 308] : [200, 201, 202, 204]
        const response = await this.#put(url, blob, content, { expect, isAnonymous })
        if (response.status !== 307 && response.status !== 308) return response.status
        content.cancel()
        // What another host names gets no credentials, be it at the registry.
        isAnonymous ||= response.url.origin !== transport.endpoint.origin.origin
        url = redirectUrl(response, transport.storageHosts)
        content = await open()
      }
    } catch (error) {
      content.cancel()
      // A registry that only asks for patience keeps the upload open: the next try goes on with it.
      if (isMirrorError(error) && error.code === 'THROTTLED') this.#opened.set(keyOf(repository, descriptor.digest), opened)
      else await this.#cancel(opened, repository)
      const failure = explainPlace(error, url, transport.endpoint)
      // The registry has lost the upload, or somebody else is writing the same blob.
      const mayPass = isMirrorError(failure) && (failure.code === 'NOT_FOUND' || registryAnswer(failure)?.status === 409)
      if (!mayPass) throw failure
      throw new MirrorError('UNAVAILABLE', failure.message, { hint: failure.hint, cause: failure.cause })
    }
  }

  /** Sends the content once, in a place of its own: whoever held one while it waits for the source would keep those waiting that the source waits for. */
  async #put(
    url: URL,
    { repository, descriptor, signal }: BlobUpload,
    content: Content,
    how: Pick<ApiRequest, 'expect' | 'isAnonymous'>,
  ): Promise<HttpResponse> {
    const release = await this.#transport.acquire(descriptor.size)
    try {
      return await this.#transport.upload({
        url,
        what: `upload ${blobName(repository, descriptor)}`,
        repository: repository.path,
        ...how,
        headers: { 'content-type': 'application/octet-stream' },
        content,
        signal,
      })
    } finally {
      release()
    }
  }

  /** Best effort, and on a signal of its own: it also runs when the run has been aborted. */
  async #cancel(url: URL, repository: Repository): Promise<void> {
    const signal = AbortSignal.timeout(cancelTimeout)
    const { path } = repository
    await this.#transport
      .sendOnce({ method: 'DELETE', url, what: 'cancel an upload', repository: path, expect: [204], signal })
      .catch(() => undefined)
  }

  /** Cancels the uploads that refused mounts opened and nobody used. */
  async close(): Promise<void> {
    const opened = [...this.#opened]
    this.#opened.clear()
    await Promise.all(opened.map(([key, url]) => this.#cancel(url, { registry: '', path: key.slice(0, key.indexOf('@')) })))
  }
}
