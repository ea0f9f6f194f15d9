import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { MirrorError } from '../errors.ts'
import type { Layout, LayoutReader } from '../layout/layout.ts'
import { refuseLogin, type Login, type LoginClient } from './authenticator.ts'
import { GarbageCollector, type GarbageOptions } from './garbage-collector.ts'
import { listenError } from './listen-error.ts'
import { OpenUploads } from './open-uploads.ts'
import { OwnPaths, type PageSources } from './own-paths.ts'
import { answerPlainHttp } from './plain-http.ts'
import type { RegistryState } from './registry-call.ts'
import { failureReply, type Reply } from './reply.ts'
import { routeRequest } from './route.ts'
import { awaitEarlierReplies, sendReply } from './send-reply.ts'
import type { ServedFiles } from './served-files.ts'

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
  /** The user, if the server requires a password and it was right. */
  readonly user?: string
  /** Body bytes sent. */
  readonly bytes: number
  /** The Content-Length of the request; 0 without one. */
  readonly received: number
  readonly milliseconds: number
}

/** The certificate of a server, with its chain, and its key, both PEM. */
export interface ServerTls {
  readonly cert: string
  readonly key: string
}

/** Options of a registry server. */
export interface RegistryServerOptions {
  readonly layout: LayoutReader | Layout
  /** Accepts pushes and deletions; requires a layout that was opened for writing. */
  readonly writable?: boolean
  /** The registry name of pushed images in the layout; default `localhost`. */
  readonly registry?: string
  /** Accepts an index without its children and an image without its layers. */
  readonly sparse?: boolean
  /** Removes what no tag reaches from a layout that it writes to; without it, nothing is removed unless clients ask. */
  readonly garbage?: GarbageOptions
  /** Speaks HTTPS only, with TLS 1.2 or later. */
  readonly tls?: ServerTls
  /** Checks the credentials of every request, except of `/healthz` and what `files` opens; without it no request needs any. */
  readonly authenticator?: { login(authorization: string | undefined, client: LoginClient): Promise<Login> }
  /** Sources of the page at `/` in addition to the layout. */
  readonly page?: PageSources
  /** Scheme, host and port that clients reach the server by, for the page and registries.yaml; default: what each client sends as Host. */
  readonly origin?: URL
  /** Files to serve next to the images, and the channels of their releases, read-only. */
  readonly files?: ServedFiles
  /** The CA certificate of the server in PEM, for nodes that do not trust it: with `files` at `/ca.crt`. */
  readonly caCertificate?: string
  /** Files, channels and `/registries.yaml` require the credentials too; by default, they can be read without. */
  readonly protectFiles?: boolean
  readonly onRequest?: (record: AccessRecord) => void
  /** Receives the cause of each reply of 500 or more, which the reply does not show. */
  readonly onFailure?: (error: unknown) => void
}

/** A registry over a layout, which the caller closes. */
export interface RegistryServer extends AsyncDisposable {
  /** Answers one request, for a server of the caller. */
  readonly handle: RequestListener
  /** Listens on a host and port (0 for any free one) and resolves with the address; throws LOCAL_IO. */
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number; readonly url: string }>
  /** Uses another certificate and key for new connections; open ones keep theirs. Throws USAGE without options.tls, and what Node throws for an invalid pair, which changes nothing. */
  replaceTls(tls: ServerTls): void
  /** Accepts no more connections and waits for requests in progress, at most the given milliseconds (default 3000). The next server over the layout can continue open uploads. */
  close(options?: { readonly graceMilliseconds?: number }): Promise<void>
}

/** Replaces an absolute request target, as clients send it to a proxy, by its path and Host: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2 */
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

/** The reply to one request; `onUser` receives the user. */
async function replyTo({ state, own, options }: Serving, request: IncomingMessage, onUser: (user: string) => void): Promise<Reply> {
  const { headers, socket } = request
  try {
    const open = await own.openReply(request)
    if (open !== undefined) return open
    if (options.authenticator !== undefined) {
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

/** Creates a registry over a layout: the OCI distribution API, https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md */
export function createRegistryServer(options: RegistryServerOptions): RegistryServer {
  const { layout, registry = 'localhost', sparse = false, tls } = options
  const writable = options.writable === true && 'startBlob' in layout ? layout : undefined
  if (options.writable === true && writable === undefined)
    throw new MirrorError('USAGE', 'options.writable requires a layout that was opened for writing')
  const uploads = new OpenUploads()
  const state: RegistryState = { layout, writable, uploads, registry, sparse }
  const isSecure = tls !== undefined
  const collector = writable && options.garbage && new GarbageCollector(writable, options.garbage, options.onFailure)
  const own = new OwnPaths(state, {
    isSecure,
    hasPasswords: options.authenticator !== undefined,
    page: options.page,
    origin: options.origin,
    files: options.files,
    caCertificate: options.caCertificate,
    protectFiles: options.protectFiles === true,
    collections: collector?.counts ?? { runs: 0, failures: 0, freedBytes: 0, lastRunAt: 0 },
  })
  const serving: Serving = { state, own, options, isClosing: false }
  const handle: RequestListener = (request, response) => void serveRequest(serving, request, response)
  // A large upload over a slow line may take hours, so only silence on the connection times out.
  const limits = { maxHeaderSize: maxHeaderBytes, requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: 75_000 }
  const tlsServer = tls && createTlsServer({ ...limits, ...tls, minVersion }, handle)
  if (tlsServer !== undefined) answerPlainHttp(tlsServer)
  const server = tlsServer ?? createServer(limits, handle)
  server.timeout = idleMilliseconds
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // The 100 is sent once the body is read; a body after a refusal is discarded: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
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
    // Browsers open connections in advance, and Node counts them as busy until their first request.
    for (const socket of unused) socket.destroy()
    const grace = setTimeout(() => {
      own.close()
      server.closeAllConnections()
    }, graceMilliseconds)
    // A connection that finishes its last request after this moment becomes idle and must be closed.
    const idle = setInterval(() => server.closeIdleConnections(), 50)
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    clearInterval(idle)
    clearTimeout(grace)
    own.close()
    await collector?.close()
    await uploads.close()
  }
  const replaceTls: RegistryServer['replaceTls'] = ({ cert, key }) => {
    if (tlsServer === undefined) throw new MirrorError('USAGE', 'the server was created without options.tls')
    tlsServer.setSecureContext({ cert, key, minVersion })
  }
  return { handle, listen, replaceTls, close, [Symbol.asyncDispose]: () => close({ graceMilliseconds: 0 }) }
}
