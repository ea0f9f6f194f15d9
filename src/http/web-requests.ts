import { Agent, ProxyAgent, request as undiciRequest, type buildConnector, type Dispatcher } from 'undici'
import { isMirrorError } from '../errors.ts'
import { decodeBody, tooLong } from './decode-body.ts'
import { ResponseHeaders, type HttpRequest, type HttpResponse } from './message.ts'
import { networkError, proxyError } from './network-error.ts'
import { openSocket, type SocketRoute } from './open-socket.ts'
import { proxyAuthorization } from './proxy.ts'
import { isRedirect } from './redirect.ts'

/** Connections to one origin. */
const mostConnections = 8

/** The undici dispatcher of one origin, and the address of the server that it was connected to last. */
interface Reached {
  readonly dispatcher: Dispatcher
  address: string | undefined
}

/** Sockets are opened as those to registries are: with the same TLS settings, seen by no other origin, the same trust and the same proxies. */
function reach(route: SocketRoute): Reached {
  const options = { allowH2: false, pipelining: 1, connections: mostConnections, maxHeaderSize: 65_536 }
  const { proxy, origin } = route
  if (proxy !== undefined && origin.protocol === 'http:') {
    const authorization = proxyAuthorization(proxy)
    const token = authorization !== undefined && { token: authorization }
    return { dispatcher: new ProxyAgent({ ...options, uri: proxy.origin, proxyTunnel: false, ...token }), address: undefined }
  }
  const connect = async (callback: buildConnector.Callback): Promise<void> => {
    try {
      const { socket } = await openSocket(route)
      reached.address = proxy === undefined ? socket.remoteAddress : undefined
      callback(null, socket)
    } catch (error) {
      callback(error as Error, null)
    }
  }
  const dispatcher = new Agent({ ...options, connect: (_options, callback) => void connect(callback) })
  const reached: Reached = { address: undefined, dispatcher }
  return reached
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
    if (size > most) throw tooLong(most)
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
  readonly #reached = new Map<SocketRoute, Reached>()

  /** Sends one request and reads its whole answer; a redirect is an answer. */
  async send(request: HttpRequest & { readonly timeout: number }, route: SocketRoute): Promise<HttpResponse> {
    const { method, url, headers, body, signal, timeout, redirects = 0, maxBytes = 64 * 1024 } = request
    const { proxy } = route
    const reached = this.#reach(route)
    try {
      const response = await undiciRequest(url, {
        dispatcher: reached.dispatcher,
        method,
        headers: { ...headers },
        body: body ?? null,
        headersTimeout: timeout,
        bodyTimeout: timeout,
        ...(signal && { signal }),
      })
      const { statusCode: status } = response
      if (status === 407 && proxy !== undefined) throw proxyError(url.origin, status)
      const isPassedOver = redirects > 0 && isRedirect(status, method)
      const answer = { status, headers: responseHeaders(response.headers), url, address: reached.address }
      if (isPassedOver) return { ...answer, body: await passOver(response.body) }
      return { ...answer, body: await decodeBody(await readBody(response.body, maxBytes), answer, maxBytes) }
    } catch (error) {
      const failure = networkError(url.origin, error, signal)
      // Through a proxy nothing else is connected to.
      const isProxy = proxy !== undefined && isMirrorError(failure) && failure.code === 'UNREACHABLE'
      throw isProxy ? networkError(`the proxy ${proxy.host}`, error) : failure
    }
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    const reached = [...this.#reached.values()]
    this.#reached.clear()
    await Promise.all(reached.map(({ dispatcher }) => dispatcher.destroy()))
  }

  #reach(route: SocketRoute): Reached {
    const reached = this.#reached.get(route) ?? reach(route)
    this.#reached.set(route, reached)
    return reached
  }
}
