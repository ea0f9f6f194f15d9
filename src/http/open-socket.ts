import { isIP, connect as connectTcp, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { MirrorError } from '../errors.ts'
import { proxyError } from './network-error.ts'
import type { TlsSettings } from './origin-settings.ts'
import { proxyAuthorization } from './proxy.ts'
import { parseResponseHead } from './response-parser.ts'
import { tlsOptions } from './tls-options.ts'

/** Where a socket leads: an origin, its TLS settings, and the proxy on the way. */
export interface SocketRoute {
  readonly origin: URL
  readonly tls: TlsSettings | undefined
  readonly proxy: URL | undefined
}

/** Milliseconds a connection may take to be established, TLS included. */
const connectTimeout = 30_000

/** Node 20 gives each address 250 ms, which is too little for a far registry. */
const familyAttemptTimeout = 2500

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80))
}

/** Certificates are asked for by name only: SNI does not allow addresses. */
function serverName(url: URL): { servername?: string } {
  return isIP(hostOf(url)) === 0 ? { servername: hostOf(url) } : {}
}

function dial(url: URL, secure: boolean, tls: TlsSettings | undefined, onread?: OnReadOpts): Socket {
  const address = {
    host: hostOf(url),
    port: portOf(url),
    noDelay: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: familyAttemptTimeout,
    ...(onread && { onread }),
  }
  return secure ? connectTls({ ...address, ...serverName(url), ...tlsOptions(tls), ALPNProtocols: ['http/1.1'] }) : connectTcp(address)
}

function established(socket: Socket, event: 'connect' | 'secureConnect', origin: string, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.off('error', settle).off(event, onReady).off('close', onClose)
      if (error === undefined) return resolve()
      socket.on('error', () => undefined).destroy()
      reject(error)
    }
    const onReady = (): void => settle()
    const onClose = (): void => settle(Object.assign(new Error('closed'), { code: 'ECONNRESET' }))
    const onAbort = (): void => settle(signal?.reason)
    const timer = setTimeout(
      () => settle(new MirrorError('TIMEOUT', `cannot connect to ${origin}: it did not answer in time`)),
      connectTimeout,
    )
    signal?.addEventListener('abort', onAbort)
    socket.once(event, onReady).once('error', settle).once('close', onClose)
  })
}

/** Asks an HTTP proxy for a tunnel: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6 */
async function tunnel(proxy: URL, origin: URL, signal?: AbortSignal): Promise<Socket> {
  const secure = proxy.protocol === 'https:'
  const socket = dial(proxy, secure, undefined)
  await established(socket, secure ? 'secureConnect' : 'connect', `the proxy ${proxy.host}`, signal)
  const authority = `${origin.hostname}:${portOf(origin)}`
  const authorization = proxyAuthorization(proxy)
  socket.write(
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`}\r\n`,
  )
  const status = await new Promise<number>((resolve, reject) => {
    let text = ''
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end === -1 && text.length < 65_536) return
      socket.removeAllListeners('data').pause()
      try {
        resolve(parseResponseHead(text.slice(0, end === -1 ? undefined : end)).status)
      } catch (error) {
        reject(error)
      }
    })
    socket.once('error', reject).once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
  })
  if (status === 200) return socket
  socket.destroy()
  throw proxyError(origin.origin, status)
}

/**
 * Opens a socket to the origin. Bytes are read through `onread` into one reused buffer where Node allows it; through a
 * tunnel they come as 'data' events, and `buffered` is false.
 */
export async function openSocket(
  route: SocketRoute,
  onread: OnReadOpts,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly socket: Socket; readonly buffered: boolean }> {
  const { origin, tls, proxy } = route
  const secure = origin.protocol === 'https:'
  if (proxy !== undefined && secure) {
    const inner = await tunnel(proxy, origin, options.signal)
    const socket = connectTls({ socket: inner, ...serverName(origin), ...tlsOptions(tls), ALPNProtocols: ['http/1.1'] })
    await established(socket, 'secureConnect', origin.origin, options.signal)
    return { socket, buffered: false }
  }
  const hop = proxy ?? origin
  const hopIsSecure = hop.protocol === 'https:'
  const socket = dial(hop, hopIsSecure, proxy === undefined ? tls : undefined, onread)
  await established(socket, hopIsSecure ? 'secureConnect' : 'connect', hop.origin, options.signal)
  return { socket, buffered: true }
}
