import { AdaptiveLimit } from '../async/adaptive-limit.ts'
import type { Content } from '../async/content.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { Naming } from './address.ts'
import { ConnectionPool } from './connection-pool.ts'
import type { HttpMethod, HttpRequest, HttpResponse } from './message.ts'
import { checkProxies, formatProxy, proxyFor, type Environment } from './proxy.ts'
import { isRedirect, redirectHeaders, redirectHint, redirectUrl } from './redirect.ts'
import { checkHeaders, Reachability, sendRequest, type OriginMeans, type StreamedAnswer } from './send-request.ts'
import { systemTrust, type SystemTrust, type TlsSettings } from './tls.ts'
import { Watchdog } from './watchdog.ts'

/** A GET whose body is streamed through one reused buffer. */
type DownloadRequest = Omit<HttpRequest, 'method' | 'body' | 'maxBytes'>

/** Options of HttpClient. */
export interface HttpClientOptions {
  /** TLS per origin, `https://host:port` with the default port left out; default: none. Node's authorities and those of the system's trust store are always trusted. */
  readonly settings?: ((origin: string) => { readonly tls?: TlsSettings | undefined }) | undefined
  /** Hosts, `host` or `host:port`, that a server may send us to though they are private addresses. */
  readonly storageHosts?: readonly string[] | undefined
  /** Where HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY and their lower-case forms are read, and SSL_CERT_FILE and SSL_CERT_DIR; default: no proxy. */
  readonly environment?: Environment | undefined
  readonly userAgent?: string | undefined
  /** Milliseconds to connect (30 000 at most), for the head of an answer, and within which a transfer must move 1 KiB/s; default 60 000. */
  readonly timeout?: number | undefined
  /** Called with every request that is sent, redirects included. */
  readonly onRequest?: ((method: HttpMethod, url: URL) => void) | undefined
}

interface Origin extends OriginMeans {
  /** For requests that no registry's transport bounds. */
  readonly slots: AdaptiveLimit
}

/** Concurrent requests to one web server that is not a registry. */
const mostRequests = 8

/** Milliseconds, as in HttpClientOptions. */
const defaultTimeout = 60_000

/** Bytes of an answer that are read where nothing else is said. */
const usualBytes = 64 * 1024

/** The failure of a redirected request, with the server that redirected it. */
function namedBy(from: URL, to: URL, error: unknown): unknown {
  if (from.origin === to.origin || !isMirrorError(error) || error.side !== undefined) return error
  return error.with({ message: `${error.message}; ${from.origin} redirected there`, hint: redirectHint(from, to) ?? error.hint })
}

/** The answer with its body; only content that was asked for, and given, has to be whole. */
async function held(answer: StreamedAnswer, most: number, isContent: boolean): Promise<HttpResponse> {
  const { status, headers, url, address } = answer
  return { status, headers, url, address, body: await (isContent && status === 200 ? answer.bytes(most) : answer.start(most)) }
}

/** Sends requests: one set of connections, TLS settings and proxy per origin. Network failures throw MirrorError. */
export class HttpClient {
  /** As in HttpClientOptions, for addresses that a registry names elsewhere than in a redirect. */
  readonly storageHosts: readonly string[]
  readonly #options: HttpClientOptions
  readonly #trust: SystemTrust
  readonly #origins = new Map<string, Origin>()
  readonly #watchdog: Watchdog
  #closed = false

  /** Throws INVALID_CONFIG where a variable names a proxy of an unsupported kind. */
  constructor(options: HttpClientOptions = {}) {
    checkProxies(options.environment ?? {})
    this.#options = options
    this.storageHosts = options.storageHosts ?? []
    this.#trust = systemTrust(options.environment ?? {})
    this.#watchdog = new Watchdog(options.timeout ?? defaultTimeout)
  }

  /** A request to any web server, as those of lists, channels and tokens are; so many at once as a small one takes. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    return this.#origin(request.url, request.naming).slots.run(() => this.requestNow(request))
  }

  /** A request to a registry, over the connections that its blobs take too. */
  async requestNow(request: HttpRequest): Promise<HttpResponse> {
    const { method, body, maxBytes = usualBytes } = request
    const sent = { ...request, body: body ?? (method === 'POST' ? new Uint8Array() : undefined) }
    return held(await this.#following(sent), maxBytes, method === 'GET')
  }

  /** A GET whose body is streamed through one reused buffer. */
  download(request: DownloadRequest): Promise<StreamedAnswer> {
    return this.#following({ ...request, method: 'GET' })
  }

  /** A PUT whose body is streamed from `content`, with its size as Content-Length. */
  async upload({ content, ...request }: Omit<DownloadRequest, 'redirects'> & { readonly content: Content }): Promise<HttpResponse> {
    return held(await this.#send({ ...request, method: 'PUT', body: content }), usualBytes, false)
  }

  /** The proxy that requests to this origin go through, for messages; undefined for a direct connection. */
  proxyName(url: URL): string | undefined {
    const proxy = proxyFor(url, this.#options.environment ?? {})
    return proxy && formatProxy(proxy)
  }

  /** Closes every connection; later requests throw CANCELLED. */
  async close(): Promise<void> {
    this.#closed = true
    for (const { pool } of this.#origins.values()) pool.close()
    this.#origins.clear()
  }

  /** Sends a request, and again to wherever it is redirected. */
  async #following(request: HttpRequest): Promise<StreamedAnswer> {
    let { url, headers, naming } = request
    const { method, redirects = 0 } = request
    const deadline = this.#watchdog.deadline()
    for (let left = redirects; ; left--) {
      const answer = await this.#send({ ...request, url, headers, naming }, deadline).catch((error: unknown) => {
        throw namedBy(request.url, url, error)
      })
      if (redirects === 0 || !isRedirect(answer.status, method)) return answer
      // Only where it leads matters, not whether all of its body came.
      await answer.bytes(usualBytes).catch(() => undefined)
      if (left === 0) throw new MirrorError('PROTOCOL', `${request.url.origin} redirects more than ${redirects} times`)
      const next = redirectUrl(answer, this.storageHosts)
      headers = redirectHeaders(url, next, headers ?? {})
      naming =
        next.origin === request.url.origin ? request.naming : { by: answer, trusted: this.storageHosts, option: 'options.storageHosts' }
      url = next
    }
  }

  async #send(request: HttpRequest, deadline?: number): Promise<StreamedAnswer> {
    const { method, url, naming } = request
    const headers = { 'user-agent': this.#options.userAgent ?? 'k3s-mirror', ...request.headers }
    checkHeaders(headers)
    this.#options.onRequest?.(method, url)
    return sendRequest({ ...request, headers, deadline }, this.#origin(url, naming))
  }

  /** What one server may name another may not, and the user may name all: connections are not shared between them. */
  #origin(url: URL, naming: Naming | undefined): Origin {
    // A retry after the end would open a connection that is never closed.
    if (this.#closed) throw new MirrorError('CANCELLED', `${url.origin} received no request: the run has ended`)
    const key = naming === undefined ? url.origin : `${url.origin} ${naming.by.url.origin} ${naming.option}`
    let origin = this.#origins.get(key)
    if (origin === undefined) {
      const proxy = proxyFor(url, this.#options.environment ?? {})
      const pool = new ConnectionPool({
        origin: new URL(url.origin),
        tls: this.#options.settings?.(url.origin).tls,
        proxy,
        naming,
        trust: this.#trust,
        connectTimeout: this.#options.timeout,
      })
      origin = { proxy, pool, watchdog: this.#watchdog, reachability: new Reachability(), slots: new AdaptiveLimit(mostRequests) }
      this.#origins.set(key, origin)
    }
    return origin
  }
}
