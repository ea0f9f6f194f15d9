import { AdaptiveLimit } from '../async/adaptive-limit.ts'
import type { Content } from '../async/content.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { Naming } from './address.ts'
import { ConnectionPool } from './connection-pool.ts'
import type { HttpMethod, HttpRequest, HttpResponse } from './message.ts'
import type { SocketRoute } from './open-socket.ts'
import type { OriginSettingsLookup } from './origin-settings.ts'
import { proxyFor, type Environment } from './proxy.ts'
import { Reachability } from './reachability.ts'
import { isRedirect, redirectHeaders, redirectHint, redirectUrl } from './redirect.ts'
import { checkHeaders } from './request-head.ts'
import { sendRequest, type OriginMeans, type StreamedAnswer, type StreamedRequest } from './send-request.ts'
import { SystemTrust } from './system-trust.ts'
import { Watchdog } from './watchdog.ts'

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
  /**
   * Milliseconds to connect, at most 30 000 of them, for the head of an answer, and within which a transfer must move 1 KiB/s; an answer that is no
   * blob has to be whole after four times as many, and that to an upload gets a second more for each 4 MiB. Default 60 000.
   */
  readonly timeout?: number | undefined
  /** Called with every request that is sent, redirects included. */
  readonly onRequest?: ((method: HttpMethod, url: URL) => void) | undefined
}

/** Sends requests: one set of connections, TLS settings and proxy per origin. Network failures throw MirrorError. */
export interface HttpClient {
  /** As in HttpClientOptions, for addresses that a registry names elsewhere than in a redirect. */
  readonly storageHosts: readonly string[]
  /** A request to any web server, as those of lists, channels and tokens are; so many at once as a small one takes. */
  request(request: HttpRequest): Promise<HttpResponse>
  /** A request to a registry, over the connections that its blobs take too. */
  requestNow(request: HttpRequest): Promise<HttpResponse>
  download(request: DownloadRequest): Promise<StreamedAnswer>
  upload(request: UploadRequest): Promise<HttpResponse>
  /** Closes every connection; later requests throw CANCELLED. */
  close(): Promise<void>
}

interface Origin extends OriginMeans {
  /** Places for requests that no registry's session bounds. */
  readonly places: AdaptiveLimit
}

/** Requests at once to one web server that is no registry. */
const mostRequests = 8

/** Milliseconds, as in HttpClientOptions. */
const defaultTimeout = 60_000

/** Bytes of an answer that are read where nothing else is said. */
const usualBytes = 64 * 1024

/** A request that may be redirected. */
interface Followed extends DownloadRequest {
  readonly method: HttpMethod
  readonly body?: Uint8Array | undefined
}

/** The failure of a request at a place that nobody wrote, with who named it. */
function namedBy(from: URL, to: URL, error: unknown): unknown {
  if (from.origin === to.origin || !isMirrorError(error) || error.side !== undefined) return error
  const { code, message, hint, retryAfter, cause } = error
  return new MirrorError(code, `${message}; ${from.origin} redirected there`, { hint: redirectHint(from, to) ?? hint, retryAfter, cause })
}

/** The answer with its body; only content that was asked for, and given, has to be whole. */
async function held(answer: StreamedAnswer, most: number, isContent: boolean): Promise<HttpResponse> {
  const { status, headers, url, address } = answer
  return { status, headers, url, address, body: await (isContent && status === 200 ? answer.bytes(most) : answer.start(most)) }
}

class PooledClient implements HttpClient {
  readonly storageHosts: readonly string[]
  readonly #options: HttpClientOptions
  readonly #trust: SystemTrust
  readonly #origins = new Map<string, Origin>()
  readonly #watchdog: Watchdog
  #closed = false

  constructor(options: HttpClientOptions) {
    this.#options = options
    this.storageHosts = options.storageHosts ?? []
    this.#trust = new SystemTrust(options.environment ?? {})
    this.#watchdog = new Watchdog(options.timeout ?? defaultTimeout)
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    return this.#origin(request.url, request.naming).places.run(() => this.requestNow(request))
  }

  async requestNow(request: HttpRequest): Promise<HttpResponse> {
    const { method, body, maxBytes = usualBytes } = request
    const sent = { ...request, body: body ?? (method === 'POST' ? new Uint8Array() : undefined) }
    return held(await this.#following(sent), maxBytes, method === 'GET')
  }

  download(request: DownloadRequest): Promise<StreamedAnswer> {
    return this.#following({ ...request, method: 'GET' })
  }

  async upload({ url, headers = {}, content, naming, signal }: UploadRequest): Promise<HttpResponse> {
    return held(await this.#send({ method: 'PUT', url, headers, body: content, signal }, naming), usualBytes, false)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { pool } of this.#origins.values()) pool.close()
    this.#origins.clear()
  }

  /** Sends a request, and again to wherever it is redirected. */
  async #following(request: Followed): Promise<StreamedAnswer> {
    let { url, headers = {}, naming } = request
    const { method, body, redirects = 0, signal } = request
    const deadline = this.#watchdog.deadline()
    for (let left = redirects; ; left--) {
      const answer = await this.#send({ method, url, headers, body, signal, deadline }, naming).catch((error: unknown) => {
        throw namedBy(request.url, url, error)
      })
      if (redirects === 0 || !isRedirect(answer.status, method)) return answer
      // Only where it leads matters, not whether all of its body came.
      await answer.bytes(usualBytes).catch(() => undefined)
      if (left === 0) throw new MirrorError('PROTOCOL', `${request.url.origin} redirects more than ${redirects} times`)
      const next = redirectUrl(answer, this.storageHosts)
      headers = redirectHeaders(url, next, headers)
      naming = next.origin === request.url.origin ? request.naming : { by: answer, trusted: this.storageHosts, option: '--storage-host' }
      url = next
    }
  }

  async #send(request: StreamedRequest, naming: Naming | undefined): Promise<StreamedAnswer> {
    checkHeaders(request.headers)
    this.#options.onRequest?.(request.method, request.url)
    return sendRequest({ ...request, headers: this.#named(request.headers) }, this.#origin(request.url, naming))
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
      const route: SocketRoute = {
        origin: new URL(url.origin),
        tls,
        proxy,
        naming,
        trust: this.#trust,
        connectTimeout: this.#options.timeout,
      }
      const pool = new ConnectionPool(route)
      origin = { proxy, pool, watchdog: this.#watchdog, reachability: new Reachability(), places: new AdaptiveLimit(mostRequests) }
      this.#origins.set(key, origin)
    }
    return origin
  }
}

/** A client without any connection yet. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  return new PooledClient(options)
}
