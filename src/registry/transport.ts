import { AdaptiveLimit } from '../async/adaptive-limit.ts'
import type { Content } from '../async/content.ts'
import { graceAfter } from '../async/on-abort.ts'
import { retry, retryPolicy, type RetryPolicy } from '../async/retry.ts'
import { ThrottleGate } from '../async/throttle-gate.ts'
import { cannot, MirrorError, onSide, type Attempt, type Side } from '../errors.ts'
import type { Naming } from '../http/address.ts'
import type { HttpClient } from '../http/http-client.ts'
import type { HttpResponse } from '../http/message.ts'
import type { StreamedAnswer } from '../http/send-request.ts'
import { isExpected, type ApiRequest } from './api-request.ts'
import type { Authorizer, RequestAuthorization } from './auth/authorizer.ts'
import type { Answer } from './auth/origin-access.ts'
import { pullScope, pushScope } from './auth/scope.ts'
import type { Endpoint } from './endpoint.ts'
import { provesAccess } from './proves-access.ts'
import { parseRateLimit, type PullQuota } from './rate-limit.ts'
import { registryAnswer, registryError, type ErrorAnswer } from './registry-error.ts'

/** What a transport reports while it works; `delay` in milliseconds. */
export interface RegistryEvents {
  readonly onRetry?: (retry: { readonly attempt: number; readonly delay: number; readonly error: MirrorError }) => void
  readonly onThrottled?: (throttled: { readonly side: Side; readonly origin: string; readonly delay: number }) => void
  readonly onWarning?: (message: string) => void
}

/** What a transport needs. */
export interface TransportOptions extends RegistryEvents {
  readonly endpoint: Endpoint
  readonly side: Side
  readonly client: HttpClient
  readonly authorizer: Authorizer
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Small requests at once; default 64. */
  readonly requests?: number | undefined
  /** Large blobs at once; default 6. */
  readonly streams?: number | undefined
}

/** Bytes up to which a blob counts as a small request and not as a stream. */
export const smallBlobBytes: number = 1024 * 1024

/** Look-ups of content that a registry has just accepted. */
const settlingRetries = 3

/** Milliseconds that a request has to end after an abort when it opens something. */
const openingGrace = 1500

/** Bytes of an error's body that are read. */
const errorBytes = 64 * 1024

/** Redirects that are followed: a front end to its registry, and from there to a storage. */
const mostRedirects = 10

/** Even a registry that refuses most requests is sent a few at a time, or a run would never end. */
const leastRequests = 8
const leastStreams = 2

/** The talk with one registry: credentials, patience and the two bounds on what is under way, for all its requests. */
export class RegistryTransport {
  readonly endpoint: Endpoint
  readonly side: Side
  /** What is asked for by GET from now on, because a HEAD did not give it and a GET did. */
  readonly distrusted: Set<'manifest' | 'blob'> = new Set()
  readonly #options: TransportOptions
  readonly #gate = new ThrottleGate()
  readonly #requests: AdaptiveLimit
  readonly #streams: AdaptiveLimit
  #rateLimit: PullQuota | undefined
  /** The registry's own IP address; undefined behind a proxy. */
  #address: string | undefined
  #hasWarned = false
  #hasProvedAccess = false

  constructor(options: TransportOptions) {
    this.endpoint = options.endpoint
    this.side = options.side
    this.#options = options
    this.#requests = new AdaptiveLimit(options.requests ?? 64, leastRequests)
    this.#streams = new AdaptiveLimit(options.streams ?? 6, leastStreams)
  }

  /** The pull quota as the registry last stated it. */
  get rateLimit(): PullQuota | undefined {
    return this.#rateLimit
  }

  /** True once an answer has proved that this is a registry which accepts this client. */
  get hasProvedAccess(): boolean {
    return this.#hasProvedAccess
  }

  /** Records that content of this registry was read. */
  proveAccess(): void {
    this.#hasProvedAccess = true
  }

  /** The proxy on the way, for messages. */
  get proxyName(): string | undefined {
    return this.#options.client.proxyName(this.endpoint.origin)
  }

  /** Hosts that the registry may name though they are private addresses. */
  get storageHosts(): readonly string[] {
    return this.#options.client.storageHosts
  }

  /** Waits for a slot for a blob of this size, and gives how to give it back: the largest stream first, small blobs before other requests. */
  acquire(size: number): Promise<() => void> {
    return size <= smallBlobBytes ? this.#requests.acquire(1) : this.#streams.acquire(size)
  }

  /** Sends a request, and again while its failure may pass. */
  send(request: ApiRequest): Promise<HttpResponse> {
    return this.retry(() => this.sendInTurn(request), request)
  }

  /** Sends a request once, in a slot of its own. */
  sendInTurn(request: ApiRequest): Promise<HttpResponse> {
    return this.#requests.run(() => this.sendOnce(request))
  }

  /** Reports a warning; later ones are dropped, because every answer may have the same defect. */
  warn(message: string): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#options.onWarning?.(message)
  }

  /** Runs an operation of several requests with the transport's patience. */
  async retry<T>(
    operation: () => Promise<T>,
    { signal, retries }: { readonly signal?: AbortSignal | undefined; readonly retries?: number | undefined },
  ): Promise<T> {
    const { onRetry } = this.#options
    return retry(() => this.sided(operation), { ...this.#options.retry, ...(retries !== undefined && { retries }), signal, onRetry })
  }

  /** Runs an operation whose failures are those of the transport's side. Only this method sets the side in registry/. */
  async sided<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation()
    } catch (error) {
      throw onSide(this.side, error)
    }
  }

  /** True once the registry has what it accepted: behind replicas and caches that may be a moment later. */
  async settles(has: () => Promise<boolean>, signal: AbortSignal | undefined): Promise<boolean> {
    const missing = new MirrorError('UNAVAILABLE', `${this.endpoint.origin.host} does not return yet what it accepted`, { side: this.side })
    const ask = async (): Promise<true> => {
      if (await has()) return true
      throw missing
    }
    return this.retry(ask, { signal, retries: settlingRetries }).catch((error: unknown) => {
      if (error === missing) return false
      throw error
    })
  }

  /** Sends a request once, in a slot that the caller holds. */
  async sendOnce(request: ApiRequest): Promise<HttpResponse> {
    const { client } = this.#options
    const { method, url, body, maxBytes } = request
    request.signal?.throwIfAborted()
    using grace = request.opens === true ? graceAfter(request.signal, openingGrace) : undefined
    const { signal } = grace ?? request
    const access = this.#access(request)
    const response = await this.#authorized(
      request,
      access,
      (headers) => client.requestNow({ method, url, headers, body, maxBytes, redirects: mostRedirects, naming: this.#naming(url), signal }),
      () => Promise.resolve(),
    )
    if (isExpected(request, response)) return this.#answered(response)
    throw this.#refused(request.what, { ...response, method, asked: url }, access)
  }

  /** Starts a streamed GET; the caller reads or cancels what comes. */
  async download(request: Omit<ApiRequest, 'method' | 'body' | 'maxBytes'>): Promise<StreamedAnswer> {
    const { url, signal } = request
    const access = this.#access(request)
    const download = await this.#authorized(
      request,
      access,
      (headers) => this.#options.client.download({ url, headers, redirects: mostRedirects, signal }),
      (refused) => refused.start(errorBytes),
    )
    if (isExpected(request, download)) return this.#answered(download)
    const body = await download.start(errorBytes)
    const { status } = download
    if (download.url.origin !== url.origin && (status === 401 || status === 403)) {
      throw cannot('UNAVAILABLE', request.what, `${download.url.host}, which ${url.host} redirected to, refused the request (${status})`)
    }
    throw this.#refused(request.what, { method: 'GET', status, headers: download.headers, url: download.url, body, asked: url }, access)
  }

  /** Starts a streamed GET at an address that only a layer names: without credentials and without the registry's retries. */
  async downloadElsewhere(request: Pick<ApiRequest, 'url' | 'what' | 'headers' | 'expect' | 'signal'>): Promise<StreamedAnswer> {
    const { url, headers, signal } = request
    const naming: Naming = { by: { url: this.endpoint.origin }, trusted: this.storageHosts, option: 'options.storageHosts' }
    const download = await this.#options.client.download({ url, headers, redirects: mostRedirects, naming, signal })
    if (isExpected(request, download)) return download
    const body = await download.start(errorBytes)
    throw registryError(request.what, { method: 'GET', status: download.status, headers: download.headers, url: download.url, body })
  }

  /** Sends a streamed PUT. After a 401 the token is renewed for the next try of the whole upload: the content has been read. */
  async upload(request: Omit<ApiRequest, 'method' | 'body' | 'maxBytes'> & { readonly content: Content }): Promise<HttpResponse> {
    const { url, content, signal } = request
    await this.#gate.pass(signal)
    const access = this.#access(request)
    const transmit = (headers: Record<string, string>): Promise<HttpResponse> =>
      this.#options.client.upload({ url, headers, content, naming: this.#naming(url), signal })
    const response = await this.#transmit(request, access, transmit)
    if (isExpected(request, response)) return this.#answered(response)
    const error = this.#refused(request.what, { ...response, method: 'PUT' }, access)
    if (response.status !== 401 || (await access?.shouldResend(response, { signal })) !== true) throw error
    throw error.with({ code: 'UNAVAILABLE', hint: undefined })
  }

  /** Sends with what is known of the registry's challenge, and again where a 401 taught something new. */
  async #authorized<R extends Answer>(
    request: Pick<ApiRequest, 'headers' | 'signal'>,
    access: RequestAuthorization | undefined,
    send: (headers: Record<string, string>) => Promise<R>,
    discard: (response: R) => Promise<unknown>,
  ): Promise<R> {
    const { signal } = request
    for (;;) {
      await this.#gate.pass(signal)
      const response = await this.#transmit(request, access, send)
      if ((await access?.shouldResend(response, { signal })) !== true) return response
      await discard(response)
    }
  }

  /** True for an address that the registry or an image names. */
  #isElsewhere(url: URL): boolean {
    return url.origin !== this.endpoint.origin.origin
  }

  /** Who named an address that is not the registry's own. */
  #naming(url: URL): Naming | undefined {
    if (!this.#isElsewhere(url)) return undefined
    return { by: { url: this.endpoint.origin, address: this.#address }, trusted: this.storageHosts, option: 'options.storageHosts' }
  }

  /** Sends once, with credentials where the registry wants some. */
  #transmit<R extends Answer>(
    { headers = {}, signal }: Pick<ApiRequest, 'headers' | 'signal'>,
    access: RequestAuthorization | undefined,
    send: (headers: Record<string, string>) => Promise<R>,
  ): Promise<R> {
    if (access === undefined) return send({ ...headers })
    return access.send((authorization) => send({ ...headers, ...(authorization !== undefined && { authorization }) }), { signal })
  }

  /** Credentials are sent only to the registry's own origin. At a destination one token for reading and writing serves all requests. */
  #access(request: Pick<ApiRequest, 'url' | 'repository' | 'isUnscoped' | 'from' | 'isAnonymous'>): RequestAuthorization | undefined {
    const { url, repository, isUnscoped = false, from, isAnonymous = false } = request
    const { origin, prefix } = this.endpoint
    if (isAnonymous || this.#isElsewhere(url)) return undefined
    const path = `${prefix}${repository}`
    const own = this.side === 'destination' ? pushScope(path) : pullScope(path)
    const scopes = isUnscoped ? [] : [own, ...(from === undefined ? [] : [pullScope(`${prefix}${from}`)])]
    return this.#options.authorizer.forRequest(origin.origin, { scopes, repository: path })
  }

  #answered<R extends Answer>(response: R): R {
    if (!this.#isElsewhere(response.url)) this.#address = response.address
    this.#hasProvedAccess ||= provesAccess(response)
    this.#requests.answered()
    this.#streams.answered()
    this.#rateLimit = parseRateLimit(response.headers) ?? this.#rateLimit
    return response
  }

  /** The error for an answer that is not the wanted one; a server that repeats what it was sent is not quoted. */
  #refused(what: Attempt, answer: ErrorAnswer, access: RequestAuthorization | undefined): MirrorError {
    const error = registryError(what, { ...answer, isSecret: access?.repeatsSecret(answer.body) })
    this.#hasProvedAccess ||= provesAccess(answer, registryAnswer(error)?.codes)
    if (error.code !== 'THROTTLED' && error.code !== 'UNAVAILABLE') return error
    this.#requests.refused()
    this.#streams.refused()
    const { retryAfter } = error
    const { maxThrottled } = retryPolicy(this.#options.retry)
    if (retryAfter === undefined || retryAfter > maxThrottled) return error
    if (this.#gate.close(retryAfter)) {
      this.#options.onThrottled?.({ side: this.side, origin: this.endpoint.origin.origin, delay: retryAfter })
    }
    return error
  }
}
