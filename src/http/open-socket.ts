import { onAbort } from '../async/on-abort.ts'
import { isIP, connect as connectTcp, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { MirrorError } from '../errors.ts'
import { networkError, proxyError } from './network-error.ts'
import type { TlsSettings } from './origin-settings.ts'
import { proxyAuthorization } from './proxy.ts'
import { parseResponseHead } from './response-parser.ts'
import { tlsOptions } from './tls-options.ts'

/** Where a socket leads: an origin, its TLS settings, and the proxy on the way. */
export interface SocketRoute {
  readonly origin: URL
  readonly tls: TlsSettings | undefined
  readonly proxy: URL | undefined
  /** Milliseconds a connection may take to be established, TLS included; default and at most 30 000. */
  readonly connectTimeout?: number | undefined
}

/** Milliseconds a connection may take at most. */
export const longestConnect = 30_000

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

/** What a socket is waited for with: whose it is, for messages, and a signal. */
interface Patience {
  readonly peer: string
  readonly signal: AbortSignal | undefined
  readonly timeout: number
}

/** Waits until `start` calls back; a socket that breaks, takes too long or is no longer wanted is destroyed. */
function outcome<T>(
  socket: Socket,
  { peer, signal, timeout }: Patience,
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let unheed: () => void = () => undefined
    const settle = (): void => {
      clearTimeout(timer)
      unheed()
      socket.off('error', fail).off('close', onClose)
    }
    const fail = (error: unknown): void => {
      settle()
      socket.on('error', () => undefined).destroy()
      reject(error)
    }
    const onClose = (): void => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' }))
    const timer = setTimeout(() => fail(new MirrorError('TIMEOUT', `cannot connect to ${peer}: it did not answer in time`)), timeout)
    if (signal?.aborted === true) return fail(signal.reason)
    unheed = onAbort(signal, () => fail(signal?.reason))
    socket.once('error', fail).once('close', onClose)
    start((value) => {
      settle()
      resolve(value)
    }, fail)
  })
}

/** Opens a socket and waits for it; errors name the peer. */
async function connected(socket: Socket, secure: boolean, patience: Patience): Promise<Socket> {
  try {
    await outcome<void>(socket, patience, (resolve) => socket.once(secure ? 'secureConnect' : 'connect', () => resolve()))
    return socket
  } catch (error) {
    throw networkError(patience.peer, error, patience.signal)
  }
}

function toProxy(proxy: URL, wait: Omit<Patience, 'peer'>, onread?: OnReadOpts): Promise<Socket> {
  const secure = proxy.protocol === 'https:'
  return connected(dial(proxy, secure, undefined, onread), secure, { peer: `the proxy ${proxy.host}`, ...wait })
}

/** Asks an HTTP proxy for a tunnel: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6 */
async function tunnel(proxy: URL, origin: URL, wait: Omit<Patience, 'peer'>): Promise<Socket> {
  const socket = await toProxy(proxy, wait)
  const authority = `${origin.hostname}:${portOf(origin)}`
  const authorization = proxyAuthorization(proxy)
  socket.write(
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`}\r\n`,
  )
  const peer = `the proxy ${proxy.host}`
  const status = await outcome<number>(socket, { peer, ...wait }, (resolve, reject) => {
    let text = ''
    const onData = (bytes: Buffer): void => {
      text += bytes.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end === -1 && text.length < 65_536) return
      socket.off('data', onData).pause()
      try {
        resolve(parseResponseHead(text.slice(0, end === -1 ? undefined : end)).status)
      } catch (error) {
        reject(error)
      }
    }
    socket.on('data', onData)
  }).catch((error: unknown) => {
    throw networkError(peer, error, wait.signal)
  })
  if (status >= 200 && status < 300) return socket
  socket.on('error', () => undefined).destroy()
  throw proxyError(origin.origin, status)
}

/**
 * Opens a socket to the origin. Bytes are read through `onread` into one reused buffer where Node allows it; through a
 * tunnel they come as 'data' events, and `buffered` is false. Throws MirrorError, or the reason of the signal.
 */
export async function openSocket(
  { origin, tls, proxy, connectTimeout = longestConnect }: SocketRoute,
  onread: OnReadOpts,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly socket: Socket; readonly buffered: boolean }> {
  const secure = origin.protocol === 'https:'
  const wait = { signal, timeout: Math.min(connectTimeout, longestConnect) }
  if (proxy !== undefined && secure) {
    const inner = await tunnel(proxy, origin, wait)
    // The host is who the certificate has to be for; without it an address would be checked as the proxy's name.
    const socket = connectTls({
      socket: inner,
      host: hostOf(origin),
      ...serverName(origin),
      ...tlsOptions(tls),
      ALPNProtocols: ['http/1.1'],
    })
    return { socket: await connected(socket, true, { peer: origin.origin, ...wait }), buffered: false }
  }
  if (proxy !== undefined) return { socket: await toProxy(proxy, wait, onread), buffered: true }
  return { socket: await connected(dial(origin, secure, tls, onread), secure, { peer: origin.origin, ...wait }), buffered: true }
}
