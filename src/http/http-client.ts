import type { ChunkSink, Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { Connection } from './connection.ts'
import { ConnectionPool } from './connection-pool.ts'
import { createDispatcher, sendRequest } from './dispatcher.ts'
import type { HttpMethod, HttpRequest, HttpResponse, ResponseHeaders } from './message.ts'
import { networkError } from './network-error.ts'
import type { OriginSettingsLookup } from './origin-settings.ts'
import { proxyAuthorization, proxyFor, type Environment } from './proxy.ts'
import { isRedirect, redirectHeaders, redirectUrl } from './redirect.ts'
import type { ResponseHead } from './response-parser.ts'
import { Watchdog } from './watchdog.ts'

/** An answer whose body is streamed: exactly one of `read`, `text` and `cancel` is called. */
export interface Download {
  readonly status: number
  readonly headers: ResponseHeaders
  /** Where the answer came from, after redirects. */
  readonly url: URL
  /** Bytes of the body; undefined when the server did not say. */
  readonly length: number | undefined
  /** Delivers the body as it arrives; rejects when the connection breaks before its announced end. */
  read(sink: ChunkSink): Promise<void>
  /** The body as text, of at most 64 KiB, for an answer that turned out to be an error. */
  text(): Promise<string>
  /** Closes the connection. */
  cancel(): void
}

/** A GET whose body is streamed through one reused buffer. */
export interface DownloadRequest {
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Redirects that are followed, as in HttpRequest; default 0. */
  readonly redirects?: number
  readonly signal?: AbortSignal | undefined
}

/** A PUT or PATCH whose body is streamed from `content`, with its size as Content-Length. */
export interface UploadRequest {
  readonly method: 'PUT' | 'PATCH'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly content: Content
  readonly signal?: AbortSignal | undefined
}

/** Options of createHttpClient. */
export interface HttpClientOptions {
  /** TLS per origin; default: none, the system's authorities. */
  readonly settings?: OriginSettingsLookup | undefined
  /** Where HTTPS_PROXY, HTTP_PROXY, NO_PROXY and their lower-case forms are read; default: no proxy. */
  readonly environment?: Environment | undefined
  readonly userAgent?: string | undefined
  /** Milliseconds for the head of an answer, and within which a transfer must move 1 KiB/s; default 60 000. */
  readonly timeout?: number | undefined
  /** Called with every request that is sent, redirects included. */
  readonly onRequest?: ((method: HttpMethod, url: URL) => void) | undefined
}

/** Sends requests: one set of connections, TLS settings and proxy per origin. Network failures throw MirrorError. */
export interface HttpClient {
  request(request: HttpRequest): Promise<HttpResponse>
  download(request: DownloadRequest): Promise<Download>
  upload(request: UploadRequest): Promise<HttpResponse>
  /** Closes every connection. */
  close(): Promise<void>
}

const errorBodyBytes = 64 * 1024

interface Origin {
  readonly dispatcher: ReturnType<typeof createDispatcher>
  readonly pool: ConnectionPool
  readonly proxy: URL | undefined
}

/** The lines of a request head; values were checked for line breaks, so that none can smuggle a header in. */
function formatHead(method: HttpMethod, url: URL, proxy: URL | undefined, headers: Readonly<Record<string, string>>): string {
  const viaProxy = proxy !== undefined && url.protocol === 'http:'
  const authorization = viaProxy ? proxyAuthorization(proxy) : undefined
  const all = { host: url.host, ...headers, ...(authorization !== undefined && { 'proxy-authorization': authorization }) }
  const lines = Object.entries(all).map(([name, value]) => {
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) throw new MirrorError('USAGE', `the header ${name} contains a control character`)
    return `${name}: ${value}\r\n`
  })
  const path = viaProxy ? `${url.origin}${url.pathname}${url.search}` : `${url.pathname}${url.search}`
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

class OriginClient implements HttpClient {
  readonly #options: HttpClientOptions
  readonly #origins = new Map<string, Origin>()
  readonly #watchdog: Watchdog

  constructor(options: HttpClientOptions) {
    this.#options = options
    this.#watchdog = new Watchdog(options.timeout ?? 60_000)
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    let { url, headers = {} } = request
    for (let redirects = request.redirects ?? 0; ; redirects--) {
      this.#options.onRequest?.(request.method, url)
      const { dispatcher } = this.#origin(url)
      const timeout = request.timeout ?? this.#options.timeout ?? 60_000
      const response = await sendRequest(dispatcher, { ...request, url, timeout, headers: this.#headers(headers) })
      if (!isRedirect(response.status) || redirects <= 0) return response
      const next = redirectUrl(url, response.headers)
      headers = redirectHeaders(url, next, headers)
      url = next
    }
  }

  async download(request: DownloadRequest): Promise<Download> {
    let { url, headers = {} } = request
    const { signal } = request
    for (let redirects = request.redirects ?? 0; ; redirects--) {
      const { connection, head, finish } = await this.#send('GET', url, headers, signal, (connection, text) => connection.request(text))
      if (!isRedirect(head.status) || redirects <= 0) return this.#download(url, connection, head, finish, signal)
      const next = redirectUrl(url, head.headers)
      await this.#text(url, connection, finish, signal)
      headers = redirectHeaders(url, next, headers)
      url = next
    }
  }

  async upload(request: UploadRequest): Promise<HttpResponse> {
    const { method, url, content, signal } = request
    const headers = { ...request.headers, 'content-length': String(content.size) }
    const { connection, head, finish } = await this.#send(method, url, headers, signal, (connection, text) =>
      connection.upload(text, content),
    )
    const text = await this.#text(url, connection, finish, signal)
    return { status: head.status, headers: head.headers, url, body: Buffer.from(text) }
  }

  async close(): Promise<void> {
    const origins = [...this.#origins.values()]
    this.#origins.clear()
    for (const { pool } of origins) pool.close()
    await Promise.all(origins.map(({ dispatcher }) => dispatcher.destroy()))
  }

  #headers(headers: Readonly<Record<string, string>>): Record<string, string> {
    return { 'user-agent': this.#options.userAgent ?? 'k3s-mirror', ...headers }
  }

  #origin(url: URL): Origin {
    let origin = this.#origins.get(url.origin)
    if (origin === undefined) {
      const { tls } = this.#options.settings?.(url.origin) ?? {}
      const proxy = proxyFor(url, this.#options.environment ?? {})
      const route = { origin: new URL(url.origin), tls, proxy }
      origin = { dispatcher: createDispatcher(route), pool: new ConnectionPool(route), proxy }
      this.#origins.set(url.origin, origin)
    }
    return origin
  }

  async #send(
    method: HttpMethod,
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
    exchange: (connection: Connection, head: string) => Promise<ResponseHead>,
  ): Promise<{ connection: Connection; head: ResponseHead; finish: () => void }> {
    const { pool, proxy } = this.#origin(url)
    const text = formatHead(method, url, proxy, this.#headers(headers))
    for (;;) {
      this.#options.onRequest?.(method, url)
      let reused = false
      let connection: Connection | undefined
      let unwatch: () => void = () => undefined
      const onAbort = (): void => connection?.destroy(signal?.reason)
      const finish = (): void => {
        unwatch()
        signal?.removeEventListener('abort', onAbort)
        if (connection !== undefined) pool.give(connection)
      }
      try {
        signal?.throwIfAborted()
        const taken = await pool.take({ signal })
        connection = taken.connection
        reused = taken.reused
        signal?.addEventListener('abort', onAbort)
        unwatch = this.#watchdog.watch(connection)
        return { connection, head: await exchange(connection, text), finish }
      } catch (error) {
        connection?.destroy(error)
        finish()
        // The server closed a kept connection just as it was used again: that says nothing about the request.
        if (method === 'GET' && reused && !signal?.aborted) continue
        throw networkError(url.origin, error, signal)
      }
    }
  }

  #download(url: URL, connection: Connection, head: ResponseHead, finish: () => void, signal: AbortSignal | undefined): Download {
    const read = async (sink: ChunkSink): Promise<void> => {
      let refused: { readonly error: unknown } | undefined
      const guarded: ChunkSink = (chunk) => {
        try {
          return sink(chunk)?.catch((error: unknown) => {
            refused = { error }
            throw error
          })
        } catch (error) {
          refused = { error }
          throw error
        }
      }
      try {
        await connection.readBody(guarded)
      } catch (error) {
        throw refused === undefined ? networkError(url.origin, error, signal) : refused.error
      } finally {
        finish()
      }
    }
    return {
      status: head.status,
      headers: head.headers,
      url,
      length: typeof head.length === 'number' ? head.length : undefined,
      read,
      text: () => this.#text(url, connection, finish, signal),
      cancel: () => {
        connection.destroy()
        finish()
      },
    }
  }

  async #text(url: URL, connection: Connection, finish: () => void, signal: AbortSignal | undefined): Promise<string> {
    const chunks: Uint8Array[] = []
    let size = 0
    try {
      await connection.readBody((chunk) => {
        size += chunk.length
        if (size > errorBodyBytes) throw new MirrorError('PROTOCOL', `${url.origin} answered with more text than an answer of its kind has`)
        chunks.push(Uint8Array.from(chunk))
      })
    } catch (error) {
      throw networkError(url.origin, error, signal)
    } finally {
      finish()
    }
    return Buffer.concat(chunks).toString('utf8')
  }
}

/** A client without any connection yet. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  return new OriginClient(options)
}
