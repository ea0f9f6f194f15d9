import { promisify } from 'node:util'
import zlib from 'node:zlib'
import type { ChunkSink, Content } from '../async/content.ts'
import { onAbort } from '../async/on-abort.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { ConnectionPool } from './connection-pool.ts'
import type { Connection } from './connection.ts'
import type { HttpRequest, ResponseHeaders } from './message.ts'
import { networkError, proxyError, WireError } from './network-error.ts'
import { formatProxy, proxyAuthorization, type Proxy } from './proxy.ts'
import type { ResponseHead } from './response-parser.ts'
import type { Watch, Watchdog } from './watchdog.ts'

/** Failures in a row after which an origin that never answered is given up. */
const mostFailures = 4

/** Milliseconds between the first two failures that count as two, twice as many to the next: requests that run side by side fail at one time. */
const firstGap = 100

/** Whether an origin can be reached, learned from all requests to it: one that never answered is given up, one that did gets the patience of a broken connection. */
export class Reachability {
  #hasAnswered = false
  #failures = 0
  #countsFrom = 0
  #givenUp: MirrorError | undefined

  /** Throws why the origin was given up, with an infinite `retryAfter`. */
  check(): void {
    if (this.#givenUp !== undefined) throw this.#givenUp
  }

  /** The origin has answered, whatever it was. */
  answered(): void {
    this.#hasAnswered = true
  }

  /** The failure of a request that began at `started`, as it is to be thrown. */
  failed(error: unknown, started: number): unknown {
    if (!isMirrorError(error) || (error.code !== 'UNREACHABLE' && error.code !== 'TIMEOUT')) return error
    if (this.#hasAnswered) return error.code === 'TIMEOUT' ? error : error.with({ code: 'CONNECTION_LOST' })
    if (started < this.#countsFrom) return error
    this.#countsFrom = performance.now() + firstGap * 2 ** this.#failures++
    if (this.#failures < mostFailures) return error
    this.#givenUp = error.with({ retryAfter: Infinity })
    return this.#givenUp
  }
}

/** The failure of an answer that is longer than `most` bytes. */
function tooLong(most: number): WireError {
  return new WireError('PROTOCOL', `the answer is larger than the limit of ${most} bytes`)
}

/** What undoes an encoding: https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1 */
const decoders: Readonly<Record<string, (bytes: Uint8Array, options: zlib.ZlibOptions & zlib.BrotliOptions) => Promise<Buffer>>> = {
  gzip: promisify(zlib.gunzip),
  'x-gzip': promisify(zlib.gunzip),
  deflate: promisify(zlib.inflate),
  br: promisify(zlib.brotliDecompress),
}

/** A body without its Content-Encoding, as it is where that is unknown or untrue, as storages have it; throws PROTOCOL where it becomes longer than `most` bytes. */
export async function decodeBody(
  body: Uint8Array,
  { url, headers }: { readonly url: URL; readonly headers: ResponseHeaders },
  most: number,
): Promise<Uint8Array> {
  const decode = decoders[headers.all('content-encoding').join(',').trim().toLowerCase()]
  if (decode === undefined || body.length === 0) return body
  try {
    return await decode(body, { maxOutputLength: most })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') return body
    throw new MirrorError('PROTOCOL', `request to ${url.origin} failed: ${tooLong(most).message}`, { cause })
  }
}

/** Throws USAGE for an invalid header name, or for a value with a control character that could smuggle in another header. */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new MirrorError('USAGE', 'a header name contains an invalid character')
    // A character beyond one byte would be cut to its lower byte, which may be a control character.
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused
    if (/[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/.test(value)) {
      throw new MirrorError('USAGE', `the header ${name} contains an invalid character`)
    }
  }
}

/** The lines of a request up to its body, its headers having been checked: https://www.rfc-editor.org/rfc/rfc9112#section-3 */
export function formatRequestHead(request: Pick<StreamedRequest, 'method' | 'url' | 'headers'> & Pick<OriginMeans, 'proxy'>): string {
  const { method, url, headers, proxy } = request
  const viaProxy = proxy !== undefined && url.protocol === 'http:'
  const authorization = viaProxy ? proxyAuthorization(proxy) : undefined
  let text = `${method} ${viaProxy ? url.origin : ''}${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n`
  for (const [name, value] of Object.entries(headers)) text += `${name}: ${value}\r\n`
  return `${text}${authorization === undefined ? '' : `proxy-authorization: ${authorization}\r\n`}\r\n`
}

/** A request as it is sent, to one origin. */
export interface StreamedRequest extends HttpRequest {
  readonly headers: Readonly<Record<string, string>>
  /** When the answer has to be there, by `performance.now()`, and its body where that is held in memory; default: when `timeout` says. */
  readonly deadline: number | undefined
}

/** The means of one origin. */
export interface OriginMeans {
  readonly pool: ConnectionPool
  readonly watchdog: Watchdog
  readonly reachability: Reachability
  readonly proxy: Proxy | undefined
}

function isContent(body: Uint8Array | Content | undefined): body is Content {
  return body !== undefined && !(body instanceof Uint8Array)
}

/** An answer whose body is on its way: exactly one of `read`, `bytes`, `start` and `cancel` is called. */
export class StreamedAnswer {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly url: URL
  /** The IP address of the server; undefined behind a proxy. */
  readonly address: string | undefined
  /** Bytes of the body; undefined when the server did not say. */
  readonly length: number | undefined
  readonly #connection: Connection
  readonly #signal: AbortSignal | undefined
  readonly #watchdog: Watchdog
  readonly #watch: Watch
  readonly #finish: () => void
  #finished = false

  constructor(
    { status, headers, length }: ResponseHead,
    { url, signal }: StreamedRequest,
    { proxy, watchdog }: OriginMeans,
    watch: Watch,
    finish: () => void,
  ) {
    this.status = status
    this.headers = headers
    this.url = url
    this.address = proxy === undefined ? watch.connection.remoteAddress : undefined
    this.length = typeof length === 'number' ? length : undefined
    this.#connection = watch.connection
    this.#signal = signal
    this.#watchdog = watchdog
    this.#watch = watch
    this.#finish = finish
  }

  /** Delivers the body as it arrives; rejects when the connection breaks before its announced end. */
  async read(sink: ChunkSink): Promise<void> {
    // A streamed body may have any length, so only its rate is watched.
    this.#watch.deadline = undefined
    try {
      await this.#connection.readBody(sink)
    } catch (error) {
      const { refusal } = this.#connection
      throw refusal === undefined ? networkError(this.url.origin, error, this.#signal) : refusal.error
    } finally {
      this.#done()
    }
  }

  /** The whole body, without a Content-Encoding; throws PROTOCOL when it is longer than `most`, decoded or not. */
  bytes(most: number): Promise<Uint8Array> {
    return this.#collect([], most)
  }

  /** The beginning of the body, `most` bytes of it, without a Content-Encoding where all of it is there; where it is longer the connection is closed. */
  async start(most: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    try {
      return await this.#collect(chunks, most)
    } catch (error) {
      if (!isMirrorError(error) || error.code !== 'PROTOCOL') throw error
      return Buffer.concat(chunks)
    }
  }

  /** Closes the connection; nothing happens where the body has been read already. */
  cancel(): void {
    // The connection of a body that was read belongs to another request by now.
    if (this.#finished) return
    this.#connection.destroy()
    this.#done()
  }

  /** Throws PROTOCOL once there is more than `most`; what came before is in `chunks`. */
  async #collect(chunks: Uint8Array[], most: number): Promise<Uint8Array> {
    let size = 0
    this.#watch.deadline ??= this.#watchdog.deadline()
    try {
      await this.#connection.readBody((chunk) => {
        size += chunk.length
        if (size > most) throw tooLong(most)
        chunks.push(Uint8Array.from(chunk))
      })
    } catch (error) {
      throw networkError(this.url.origin, error, this.#signal)
    } finally {
      this.#done()
    }
    return decodeBody(Buffer.concat(chunks), this, most)
  }

  #done(): void {
    this.#finished = true
    this.#finish()
  }
}

/** Sends a request and resolves with the head of its answer; a kept connection that was closed just as it was used again is replaced where the body can be sent again. */
export async function sendRequest(request: StreamedRequest, means: OriginMeans): Promise<StreamedAnswer> {
  const { pool, watchdog, reachability, proxy } = means
  const { method, url, headers, body, signal, deadline } = request
  const length = isContent(body) ? body.size : body?.length
  const sent = length === undefined ? headers : { ...headers, 'content-length': String(length) }
  const head = formatRequestHead({ method, url, headers: sent, proxy })
  for (;;) {
    let reused = false
    let connection: Connection | undefined
    let watch: Watch | undefined
    let unheed: () => void = () => undefined
    const finish = (): void => {
      if (watch !== undefined) watchdog.end(watch)
      unheed()
      if (connection !== undefined) pool.give(connection)
    }
    const started = performance.now()
    try {
      signal?.throwIfAborted()
      reachability.check()
      const taken = await pool.take({ signal })
      connection = taken.connection
      reused = taken.reused
      unheed = onAbort(signal, () => taken.connection.destroy(signal?.reason))
      signal?.throwIfAborted()
      watch = watchdog.watch(connection, deadline)
      const answer = isContent(body)
        ? await connection.upload(head, body)
        : await connection.request(head, { body, isHead: method === 'HEAD' })
      if (answer.status === 407 && proxy !== undefined) throw proxyError(url, proxy, answer.status)
      reachability.answered()
      return new StreamedAnswer(answer, request, means, watch, finish)
    } catch (error) {
      connection?.destroy(error)
      finish()
      const isStale = reused && connection?.heard === false && !(error instanceof WireError && error.kind === 'TIMEOUT')
      if (isStale && !isContent(body) && !signal?.aborted) continue
      const via = proxy === undefined || url.protocol === 'https:' ? '' : ` through ${formatProxy(proxy)}`
      throw reachability.failed(networkError(`${url.origin}${via}`, error, signal), started)
    }
  }
}
