import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import type { KeyPair } from '../servers/certificates.ts'
import { listen } from '../servers/listen.ts'

/** One request as it reached the proxy. */
export interface ProxiedRequest {
  readonly method: string
  /** `host:port` of a CONNECT, the whole URL of another request. */
  readonly target: string
  readonly authorization: string | undefined
  readonly socket: Socket
}

/** A running forward proxy. */
export interface ForwardProxy extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string
  readonly requests: readonly ProxiedRequest[]
}

/** How a proxy behaves. */
export interface ForwardProxyOptions {
  /** The one Proxy-Authorization that it lets through. */
  readonly authorization?: string
  /** Answers a request itself with this status. */
  readonly refuse?: number
  /** Takes a CONNECT and says nothing. */
  readonly silent?: boolean
  /** Whatever host is asked for, this one of 127.0.0.1 is connected to. */
  readonly leadsTo?: number
  readonly tls?: KeyPair
}

/** Starts an HTTP proxy: CONNECT for tunnels, whole URLs for plain HTTP. */
export async function forwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const requests: ProxiedRequest[] = []
  const { tls } = options
  const server: Server = tls === undefined ? createServer() : createTlsServer({ cert: tls.certificate, key: tls.key })
  const refusal = (request: IncomingMessage): number | undefined => {
    const authorization = request.headers['proxy-authorization']
    requests.push({ method: request.method ?? '', target: request.url ?? '', authorization, socket: request.socket })
    if (options.refuse !== undefined) return options.refuse
    return options.authorization !== undefined && authorization !== options.authorization ? 407 : undefined
  }
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    const status = refusal(request)
    socket.on('error', () => socket.destroy())
    if (options.silent === true) return
    if (status !== undefined) return void socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\n\r\n`)
    const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(request.url ?? '') ?? []
    const onward = options.leadsTo === undefined ? connect(Number(port), host) : connect(options.leadsTo, '127.0.0.1')
    onward.once('connect', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\nX-Proxy: test\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    onward.on('error', () => socket.destroy())
    onward.on('close', () => socket.destroy())
    socket.on('close', () => onward.destroy())
  })
  server.on('request', (request, response) => {
    const status = refusal(request)
    if (status !== undefined) return void response.writeHead(status).end('refused by the proxy')
    const url = new URL(request.url ?? '')
    const { 'proxy-authorization': _, ...headers } = request.headers
    const address = options.leadsTo === undefined ? {} : { hostname: '127.0.0.1', port: options.leadsTo }
    const onward = httpRequest(url, { method: request.method, headers, ...address }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.writeHead(502).end())
    request.pipe(onward)
  })
  const { port, close } = await listen(server)
  return { host: `127.0.0.1:${port}`, requests, [Symbol.asyncDispose]: close }
}
