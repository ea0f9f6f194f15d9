import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { MirrorError } from '../errors.ts'
import type { Layout, LayoutReader } from '../layout/layout.ts'
import { refuseLogin, type Login, type LoginClient } from './authenticator.ts'
import { listenError } from './listen-error.ts'
import { OpenUploads } from './open-uploads.ts'
import { healthPath, OwnPaths, pathOf, type PageSources } from './own-paths.ts'
import { answerPlainHttp } from './plain-http.ts'
import type { RegistryState } from './registry-call.ts'
import { failureReply, type Reply } from './reply.ts'
import { routeRequest } from './route.ts'
import { awaitEarlierReplies, sendReply } from './send-reply.ts'

const maxHeaderBytes = 32 * 1024
const idleMilliseconds = 5 * 60 * 1000
const minVersion = 'TLSv1.2'

/** One answered request, for an access log. */
export interface AccessRecord {
  readonly method: string
  /** Path and query as they were sent. */
  readonly url: string
  readonly status: number
  /** The address of the client, or of the proxy before it. */
  readonly remoteAddress: string
  /** The User-Agent as it was sent. */
  readonly userAgent: string
  /** Who asked, where the server wants a password and it was right. */
  readonly user?: string
  /** Body bytes sent. */
  readonly bytes: number
  /** Body bytes that the request announced; 0 where it announced none. */
  readonly received: number
  readonly milliseconds: number
}

/** A server's certificate, with the chain that leads to its authority, and its key, both PEM. */
export interface ServerTls {
  readonly cert: string
  readonly key: string
}

/** What is served, and how. */
export interface RegistryServerOptions {
  readonly layout: LayoutReader | Layout
  /** Takes pushes and deletions; needs a layout that was opened for writing. */
  readonly writable?: boolean
  /** The registry name under which pushed images are filed in the layout; default `localhost`. */
  readonly registry?: string
  /** Takes an index whose children, and an image whose layers, are not here. */
  readonly sparse?: boolean
  /** Speaks HTTPS only, with TLS 1.2 or later. */
  readonly tls?: ServerTls
  /** Judges the credentials of every request; without it nobody is asked for any. */
  readonly authenticator?: { login(authorization: string | undefined, client: LoginClient): Promise<Login> }
  /** What the page for people at `/` shows in addition to the layout's contents. */
  readonly page?: PageSources
  readonly onRequest?: (record: AccessRecord) => void
  /** Is told of each failure that is answered with 500 or more: its cause, which no answer names. */
  readonly onFailure?: (error: unknown) => void
}

/** A registry over a layout; the layout stays its owner's to close. */
export interface RegistryServer extends AsyncDisposable {
  /** Answers one request: for a server of the caller's own. */
  readonly handle: RequestListener
  /** Starts on a host and port (0: any free one) and resolves with where that is; throws LOCAL_IO. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number; readonly url: string }>
  /** Uses another certificate and key for new connections; those that are open keep theirs. Throws USAGE for a server of plain HTTP, and what Node throws for an invalid pair, after which the old one stays. */
  replaceTls(tls: ServerTls): void
  /** Takes no more connections, waits for the requests under way, at most so many milliseconds (default 3000); open uploads can be continued at the next server over the layout. */
  close(options?: { readonly graceMilliseconds?: number }): Promise<void>
}

/** Gives a request its path and Host where the client named the whole URL, as it does to a proxy: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2 */
function takeOriginForm(request: IncomingMessage): void {
  const match = /^https?:\/\/([^/?]*)(.*)$/is.exec(request.url ?? '')
  if (match === null) return
  const [, authority = '', rest = ''] = match
  request.url = rest.startsWith('/') ? rest : `/${rest}`
  request.headers.host = authority
}

interface Serving {
  readonly state: RegistryState
  readonly own: OwnPaths
  readonly options: RegistryServerOptions
  isClosing: boolean
}

/** The reply to one request; `onUser` hears who asks. */
async function replyTo({ state, own, options }: Serving, request: IncomingMessage, onUser: (user: string) => void): Promise<Reply> {
  const { url = '', headers, socket } = request
  try {
    if (pathOf(url) !== healthPath && options.authenticator !== undefined) {
      const client = { address: socket.remoteAddress ?? '', isGone: () => socket.destroyed }
      const login = await options.authenticator.login(headers.authorization, client)
      if (typeof login === 'string') throw refuseLogin(login)
      onUser(login.user)
    }
    return (await own.reply(request)) ?? (await routeRequest(state, request))
  } catch (error) {
    const reply = failureReply(error)
    if (reply.status >= 500) options.onFailure?.(error)
    return reply
  }
}

async function serveRequest(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const startedAt = performance.now()
  const { socket } = request
  const { remoteAddress = '' } = socket
  takeOriginForm(request)
  response.setHeader('docker-distribution-api-version', 'registry/2.0')
  response.setHeader('x-content-type-options', 'nosniff')
  let bytes = 0
  let user: string | undefined
  try {
    await awaitEarlierReplies(request, response)
    const reply = await replyTo(serving, request, (name) => {
      user = name
    })
    if (serving.isClosing) response.setHeader('connection', 'close')
    bytes = await sendReply(request, response, reply)
  } catch (error) {
    if (!response.headersSent) response.statusCode = failureReply(error).status
    response.destroy()
  }
  const record: AccessRecord = {
    method: request.method ?? '',
    url: request.url ?? '',
    status: response.statusCode,
    remoteAddress,
    userAgent: request.headers['user-agent'] ?? '',
    ...(user !== undefined && { user }),
    bytes,
    received: Number(request.headers['content-length'] ?? 0),
    milliseconds: performance.now() - startedAt,
  }
  serving.own.metrics.observe(record, socket)
  serving.options.onRequest?.(record)
}

/** Makes a registry over a layout: the OCI distribution API, https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md */
export function createRegistryServer(options: RegistryServerOptions): RegistryServer {
  const { layout, registry = 'localhost', sparse = false, tls } = options
  const writable = options.writable === true && 'startBlob' in layout ? layout : undefined
  if (options.writable === true && writable === undefined)
    throw new MirrorError('USAGE', 'a layout that was opened for reading cannot be served for writing')
  const uploads = new OpenUploads()
  const state: RegistryState = { layout, writable, uploads, registry, sparse }
  const isSecure = tls !== undefined
  const own = new OwnPaths(state, { isSecure, hasPasswords: options.authenticator !== undefined, page: options.page })
  const serving: Serving = { state, own, options, isClosing: false }
  const handle: RequestListener = (request, response) => void serveRequest(serving, request, response)
  // A large upload over a slow line may take hours: not the whole request is timed, only silence on its connection.
  const limits = { maxHeaderSize: maxHeaderBytes, requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: 75_000 }
  const tlsServer = tls && createTlsServer({ ...limits, ...tls, minVersion }, handle)
  if (tlsServer !== undefined) answerPlainHttp(tlsServer)
  const server = tlsServer ?? createServer(limits, handle)
  server.timeout = idleMilliseconds
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // Answered once the body is read, and not before; what is read after a refusal is thrown away: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue()
    })
    server.emit('request', request, response)
  })

  const listen: RegistryServer['listen'] = async (host, port) => {
    server.listen(port, host)
    try {
      await once(server, 'listening')
    } catch (error) {
      throw listenError(host, port, error)
    }
    const { address, port: actual } = server.address() as AddressInfo
    return {
      host: address,
      port: actual,
      url: `http${isSecure ? 's' : ''}://${address.includes(':') ? `[${address}]` : address}:${actual}`,
    }
  }
  const unused = new Set<Socket>()
  server.on(isSecure ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket))
  const close: RegistryServer['close'] = async ({ graceMilliseconds = 3000 } = {}) => {
    serving.isClosing = true
    // Browsers open connections before they have a request; Node counts one as busy until it had its first.
    for (const socket of unused) socket.destroy()
    const grace = setTimeout(() => {
      own.close()
      server.closeAllConnections()
    }, graceMilliseconds)
    // A connection that answers its last request after this moment becomes idle, and nobody else would close it.
    const idle = setInterval(() => server.closeIdleConnections(), 50)
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    clearInterval(idle)
    clearTimeout(grace)
    own.close()
    await uploads.close()
  }
  const replaceTls: RegistryServer['replaceTls'] = ({ cert, key }) => {
    if (tlsServer === undefined) throw new MirrorError('USAGE', 'the server was created without options.tls')
    tlsServer.setSecureContext({ cert, key, minVersion })
  }
  return { handle, listen, replaceTls, close, [Symbol.asyncDispose]: () => close({ graceMilliseconds: 0 }) }
}
