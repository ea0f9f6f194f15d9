import { Agent, ProxyAgent, request as undiciRequest, type Dispatcher } from 'undici'
import { isMirrorError } from '../errors.ts'
import { ResponseHeaders, type HttpRequest, type HttpResponse } from './message.ts'
import { networkError, proxyError } from './network-error.ts'
import { longestConnect, type SocketRoute } from './open-socket.ts'
import { proxyAuthorization } from './proxy.ts'
import { isRedirect } from './redirect.ts'
import { tlsOptions } from './tls-options.ts'
import { WireError } from './wire-error.ts'

/** Connections to one origin. */
const mostConnections = 8

/** The undici dispatcher of one origin: its TLS settings are seen by no other. */
function createDispatcher({ tls, proxy, origin, connectTimeout = longestConnect }: SocketRoute): Dispatcher {
  const timeout = Math.min(connectTimeout, longestConnect)
  const connect = { timeout, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 2500, ...tlsOptions(tls) }
  const options = { allowH2: false, pipelining: 1, connections: mostConnections, maxHeaderSize: 65_536, connect }
  if (proxy === undefined) return new Agent(options)
  const authorization = proxyAuthorization(proxy)
  return new ProxyAgent({
    ...options,
    uri: proxy.origin,
    requestTls: connect,
    proxyTunnel: origin.protocol === 'https:',
    ...(authorization !== undefined && { token: authorization }),
  })
}

function responseHeaders(raw: Readonly<Record<string, string | string[] | undefined>>): ResponseHeaders {
  const values = new Map<string, readonly string[]>()
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) values.set(name.toLowerCase(), Array.isArray(value) ? value : [value])
  }
  return new ResponseHeaders(values)
}

async function readBody(body: Dispatcher.ResponseData['body'], most: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    // Leaving the loop destroys the body, and with it the connection.
    if (size > most) throw new WireError('PROTOCOL', `the answer is longer than the ${most} bytes that one of its kind may have`)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks)
}

/** Reads and forgets the body of a redirect, so that its connection can go on; only where it leads matters. */
async function passOver(body: Dispatcher.ResponseData['body']): Promise<Uint8Array> {
  await body.dump({ limit: 64 * 1024 }).catch(() => undefined)
  return new Uint8Array()
}

/** Requests to any web server, by undici: one dispatcher per origin. */
export class WebRequests {
  readonly #dispatchers = new Map<string, Dispatcher>()

  /** Sends one request and reads its whole answer; a redirect is an answer. */
  async send(request: HttpRequest & { readonly timeout: number }, route: SocketRoute): Promise<HttpResponse> {
    const { method, url, headers, body, signal, timeout, redirects = 0, maxBytes = 64 * 1024 } = request
    const { proxy } = route
    try {
      const response = await undiciRequest(url, {
        dispatcher: this.#dispatcher(route),
        method,
        headers: { ...headers },
        body: body ?? null,
        headersTimeout: timeout,
        bodyTimeout: timeout,
        ...(signal && { signal }),
      })
      const { statusCode: status } = response
      if (status === 407 && proxy !== undefined) throw proxyError(url.origin, status)
      const isPassedOver = redirects > 0 && isRedirect(status)
      const bytes = isPassedOver ? await passOver(response.body) : await readBody(response.body, maxBytes)
      return { status, headers: responseHeaders(response.headers), url, body: bytes }
    } catch (error) {
      const failure = networkError(url.origin, error, signal)
      // Through a proxy nothing else is connected to.
      const isProxy = proxy !== undefined && isMirrorError(failure) && failure.code === 'UNREACHABLE'
      throw isProxy ? networkError(`the proxy ${proxy.host}`, error) : failure
    }
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    const dispatchers = [...this.#dispatchers.values()]
    this.#dispatchers.clear()
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()))
  }

  #dispatcher(route: SocketRoute): Dispatcher {
    const { origin } = route.origin
    let dispatcher = this.#dispatchers.get(origin)
    if (dispatcher === undefined) {
      dispatcher = createDispatcher(route)
      this.#dispatchers.set(origin, dispatcher)
    }
    return dispatcher
  }
}
