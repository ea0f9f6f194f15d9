import type { Content } from '../async/content.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { Naming } from './address.ts'
import { ConnectionPool } from './connection-pool.ts'
import { exchange, type ExchangeMeans, type StreamedAnswer, type StreamedRequest } from './exchange.ts'
import type { HttpMethod, HttpRequest, HttpResponse } from './message.ts'
import { checkHeaders } from './request-head.ts'
import type { SocketRoute } from './open-socket.ts'
import type { OriginSettingsLookup } from './origin-settings.ts'
import { proxyFor, type Environment } from './proxy.ts'
import { isRedirect, redirectHeaders, redirectHint, redirectUrl } from './redirect.ts'
import { SystemTrust } from './system-trust.ts'
import { Watchdog } from './watchdog.ts'
import type { WebRequests } from './web-requests.ts'

/** A GET whose body is streamed through one reused buffer. */
export interface DownloadRequest {
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Redirects that are followed, as in HttpRequest; default 0. */
  readonly redirects?: number | undefined
  /** As in HttpRequest. */
  readonly naming?: Naming | undefined
  readonly signal?: AbortSignal | undefined
}

/** A PUT whose body is streamed from `content`, with its size as Content-Length. */
export interface UploadRequest {
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly content: Content
  /** As in HttpRequest. */
  readonly naming?: Naming | undefined
  readonly signal?: AbortSignal | undefined
}

/** Options of createHttpClient. */
export interface HttpClientOptions {
  /** TLS per origin; default: none. Node's authorities and those of the system's trust store are always trusted. */
  readonly settings?: OriginSettingsLookup | undefined
  /** Hosts, `host` or `host:port`, that a server may send us to though they are private addresses. */
  readonly storageHosts?: readonly string[] | undefined
  /** Where HTTPS_PROXY, HTTP_PROXY, NO_PROXY and their lower-case forms are read, and SSL_CERT_FILE and SSL_CERT_DIR; default: no proxy. */
  readonly environment?: Environment | undefined
  readonly userAgent?: string | undefined
  /** Milliseconds for the head of an answer, and within which a transfer must move 1 KiB/s; default 60 000. */
  readonly timeout?: number | undefined
  /** Called with every request that is sent, redirects included. */
  readonly onRequest?: ((method: HttpMethod, url: URL) => void) | undefined
}

/** Sends requests: one set of connections, TLS settings and proxy per origin. Network failures throw MirrorError. */
export interface HttpClient {
  /** As in HttpClientOptions, for addresses that a registry names elsewhere than in a redirect. */
  readonly storageHosts: readonly string[]
  /** A request to any web server, as those of lists, channels and tokens are. */
  request(request: HttpRequest): Promise<HttpResponse>
  /** A request to a registry, over the connections that its blobs take too. */
  exchange(request: HttpRequest): Promise<HttpResponse>
  download(request: DownloadRequest): Promise<StreamedAnswer>
  upload(request: UploadRequest): Promise<HttpResponse>
  /** Closes every connection; later requests throw CANCELLED. */
  close(): Promise<void>
}

interface Origin extends ExchangeMeans {
  readonly route: SocketRoute
}

/** Milliseconds, as in HttpClientOptions. */
const defaultTimeout = 60_000

/** Bytes of an answer that are read where nothing else is said. */
const usualBytes = 64 * 1024

/** A request as far as redirects matter. */
interface Followed {
  readonly method: HttpMethod
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly redirects?: number | undefined
  readonly naming?: Naming | undefined
}

/** The failure of a request at a place that nobody wrote, with who named it. */
function namedBy(from: URL, to: URL, error: unknown): unknown {
  if (from.origin === to.origin || !isMirrorError(error) || error.side !== undefined) return error
  const { code, message, hint, retryAfter, cause } = error
  return new MirrorError(code, `${message}; ${from.origin} redirected there`, { hint: redirectHint(from, to) ?? hint, retryAfter, cause })
}

/** Sends a request, and again to wherever it is redirected. */
async function following<R extends Pick<HttpResponse, 'status' | 'headers' | 'url' | 'address'>>(
  request: Followed,
  trusted: readonly string[],
  send: (url: URL, headers: Readonly<Record<string, string>>, naming: Naming | undefined) => Promise<R>,
  discard: (answer: R) => Promise<unknown>,
): Promise<R> {
  let { url, headers = {}, naming } = request
  const { redirects = 0 } = request
  for (let left = redirects; ; left--) {
    const answer = await send(url, headers, naming).catch((error: unknown) => {
      throw namedBy(request.url, url, error)
    })
    if (redirects === 0 || !isRedirect(answer.status, request.method)) return answer
    // Only where it leads matters, not whether all of its body came.
    await discard(answer).catch(() => undefined)
    if (left === 0) throw new MirrorError('PROTOCOL', `${request.url.origin} redirects more than ${redirects} times`)
    const next = redirectUrl(answer, trusted)
    headers = redirectHeaders(url, next, headers)
    naming = next.origin === request.url.origin ? request.naming : { by: answer, trusted, option: '--storage-host' }
    url = next
  }
}

/** The answer with its body; only content that was asked for has to be whole. */
async function held(answer: StreamedAnswer, most: number, isContent: boolean): Promise<HttpResponse> {
  const { status, headers, url, address } = answer
  return { status, headers, url, address, body: await (isContent ? answer.bytes(most) : answer.start(most)) }
}

class OriginClient implements HttpClient {
  readonly storageHosts: readonly string[]
  readonly #options: HttpClientOptions
  readonly #trust: SystemTrust
  readonly #origins = new Map<string, Origin>()
  readonly #watchdog: Watchdog
  #web: Promise<WebRequests> | undefined
  #closed = false

  constructor(options: HttpClientOptions) {
    this.#options = options
    this.storageHosts = options.storageHosts ?? []
    this.#trust = new SystemTrust(options.environment ?? {})
    this.#watchdog = new Watchdog(options.timeout ?? defaultTimeout)
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    // undici takes longer to load than a run takes that finds every image in place, and most runs need no other web server.
    this.#web ??= import('./web-requests.ts').then((module) => new module.WebRequests())
    const web = await this.#web
    const timeout = this.#options.timeout ?? defaultTimeout
    return following(
      request,
      this.storageHosts,
      (url, headers, naming) => {
        checkHeaders(headers)
        this.#options.onRequest?.(request.method, url)
        return web.send({ ...request, url, timeout, headers: this.#named(headers) }, this.#origin(url, naming).route)
      },
      () => Promise.resolve(),
    )
  }

  async exchange(request: HttpRequest): Promise<HttpResponse> {
    const { method, body, maxBytes = usualBytes, signal } = request
    const answer = await following(
      request,
      this.storageHosts,
      (url, headers, naming) =>
        this.#exchange({ method, url, headers, body: body ?? (method === 'POST' ? new Uint8Array() : undefined), signal }, naming),
      (redirect) => redirect.bytes(usualBytes),
    )
    return held(answer, maxBytes, method === 'GET' && answer.status === 200)
  }

  download(request: DownloadRequest): Promise<StreamedAnswer> {
    const { signal } = request
    return following(
      { ...request, method: 'GET' },
      this.storageHosts,
      (url, headers, naming) => this.#exchange({ method: 'GET', url, headers, signal }, naming),
      (redirect) => redirect.bytes(usualBytes),
    )
  }

  async upload({ url, headers = {}, content, naming, signal }: UploadRequest): Promise<HttpResponse> {
    return held(await this.#exchange({ method: 'PUT', url, headers, body: content, signal }, naming), usualBytes, false)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { pool } of this.#origins.values()) pool.close()
    this.#origins.clear()
    await (await this.#web)?.close()
  }

  #exchange(request: StreamedRequest, naming: Naming | undefined): Promise<StreamedAnswer> {
    checkHeaders(request.headers)
    this.#options.onRequest?.(request.method, request.url)
    return exchange({ ...request, headers: this.#named(request.headers) }, this.#origin(request.url, naming))
  }

  #named(headers: Readonly<Record<string, string>>): Record<string, string> {
    return { 'user-agent': this.#options.userAgent ?? 'k3s-mirror', ...headers }
  }

  /** What one server may name another may not, and the user may name all: connections are not shared between them. */
  #origin(url: URL, naming: Naming | undefined): Origin {
    // What is tried again after the end would hold the process with a connection that nobody closes.
    if (this.#closed) throw new MirrorError('CANCELLED', `${url.origin} was not asked: the run has ended`)
    const key = naming === undefined ? url.origin : `${url.origin} ${naming.by.url.origin} ${naming.option}`
    let origin = this.#origins.get(key)
    if (origin === undefined) {
      const { tls } = this.#options.settings?.(url.origin) ?? {}
      const proxy = proxyFor(url, this.#options.environment ?? {})
      const route = { origin: new URL(url.origin), tls, proxy, naming, trust: this.#trust, connectTimeout: this.#options.timeout }
      origin = { route, proxy, pool: new ConnectionPool(route), watchdog: this.#watchdog }
      this.#origins.set(key, origin)
    }
    return origin
  }
}

/** A client without any connection yet. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  return new OriginClient(options)
}
