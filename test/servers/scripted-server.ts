import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createSocketServer, type Socket } from 'node:net'
import { createServer as createTlsSocketServer } from 'node:tls'
import { listen } from './listen.ts'

/** PEM of the server's certificate; with `clientCa` it asks for a client certificate of that authority and accepts none at all too. */
export interface ServerTls {
  readonly certificate: string
  readonly key: string
  readonly clientCa?: string
}

/** One request as it reached the server. */
export interface ScriptedRequest {
  readonly method: string
  /** Path and query, undecoded. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** Body bytes that have been read so far. */
  readonly body: Buffer
  /** Position among all requests, from 0. */
  readonly index: number
  readonly socket: Socket
  /** Reads the rest of the body; a handler that answers without it leaves the client with an early answer. */
  readBody(): Promise<Buffer>
}

/** Answers one request, or destroys its socket, or never answers. */
export type ScriptedHandler = (request: ScriptedRequest, response: ServerResponse) => void | Promise<void>

/** A running scripted server. */
export interface ScriptedServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` or `https://…`, without a slash at the end. */
  readonly url: string
  /** `127.0.0.1:<port>`. */
  readonly host: string
  readonly requests: readonly ScriptedRequest[]
  /** Connections that were opened so far. */
  readonly connections: number
}

/** Starts an HTTP server whose answers the test writes; a handler that throws answers 500 with the error's text. */
export async function scriptedServer(handler: ScriptedHandler, options: { readonly tls?: ServerTls } = {}): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = []
  let connections = 0
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    const request = record(incoming, requests.length)
    requests.push(request)
    // the unread rest of a body is drained, so that a kept-alive connection can be reused
    response.on('finish', () => incoming.resume())
    Promise.resolve()
      .then(() => handler(request, response))
      .catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' })
        response.end(`the test's handler failed: ${String(error)}`)
      })
  }
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(tlsOptions(options.tls), listener)
  server.on('connection', () => connections++)
  // idle connections stay open: a client has to close its own
  server.keepAliveTimeout = 0
  const { port, close } = await listen(server)
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections
    },
    [Symbol.asyncDispose]: close,
  }
}

/** A running server that speaks bytes. */
export interface RawServer extends AsyncDisposable {
  readonly port: number
  /** `127.0.0.1:<port>`. */
  readonly host: string
  readonly connections: number
}

/** Starts a TCP server for answers that are not HTTP: it hands over each connection with the first bytes the client sent. */
export async function rawServer(
  handler: (socket: Socket, request: Buffer) => void,
  options: { readonly tls?: ServerTls } = {},
): Promise<RawServer> {
  let connections = 0
  const listener = (socket: Socket): void => {
    connections++
    // a client that disconnects is not a failure of the server
    socket.on('error', () => socket.destroy())
    socket.once('data', (bytes: Buffer) => handler(socket, bytes))
  }
  const server = options.tls === undefined ? createSocketServer(listener) : createTlsSocketServer(tlsOptions(options.tls), listener)
  const { port, close } = await listen(server)
  return {
    port,
    host: `127.0.0.1:${port}`,
    get connections() {
      return connections
    },
    [Symbol.asyncDispose]: close,
  }
}

function tlsOptions(tls: ServerTls): object {
  return {
    cert: tls.certificate,
    key: tls.key,
    ...(tls.clientCa !== undefined && { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }),
  }
}

function record(incoming: IncomingMessage, index: number): ScriptedRequest {
  const chunks: Buffer[] = []
  // the listener collects; the stream stays paused until someone reads
  const flowing = new Promise<Buffer>((resolve, reject) => {
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => resolve(Buffer.concat(chunks)))
    incoming.on('error', reject)
  })
  incoming.pause()
  flowing.catch(() => undefined)
  return {
    method: incoming.method ?? '',
    url: incoming.url ?? '',
    headers: incoming.headers,
    get body() {
      return Buffer.concat(chunks)
    },
    index,
    socket: incoming.socket,
    readBody() {
      incoming.resume()
      return flowing
    },
  }
}
