import dns from 'node:dns'
import { connect as connectTcp, isIP, type LookupFunction, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { onAbort } from '../async/on-abort.ts'
import { MirrorError } from '../errors.ts'
import { addressRefusal, isForbiddenHost, type Naming } from './address.ts'
import { networkError, proxyError, wayHint } from './network-error.ts'
import { formatProxy, proxyAuthorization, type Proxy } from './proxy.ts'
import { trustHint } from './redirect.ts'
import { parseResponseHead } from './response-parser.ts'
import { isUntrusted, tlsOptions, type SystemTrust, type TlsSettings } from './tls.ts'

/** Bytes read at once. More is not faster, and every open connection holds as many. */
const plainBytes = 128 * 1024

/** Bytes that Node decrypts at once. */
const encryptedBytes = 16 * 1024

/** Where a socket puts what it reads: one buffer, or of an encrypted connection, which Node cannot stop at once, the first of which `isHeld` is not true. */
export function readBuffer(isEncrypted: boolean, isHeld: (memory: ArrayBufferLike) => boolean): Buffer | (() => Buffer) {
  if (!isEncrypted) return Buffer.allocUnsafeSlow(plainBytes)
  const buffers: Buffer[] = []
  return () => {
    const free = buffers.find(({ buffer }) => !isHeld(buffer))
    if (free !== undefined) return free
    const added = Buffer.allocUnsafeSlow(encryptedBytes)
    buffers.push(added)
    return added
  }
}

/** Makes a socket whose writing fails read first what has come: a server that refuses an upload and closes has sent its answer, which Node would throw away. */
export function readBeforeClosing(socket: Socket): void {
  const destroy = socket.destroy.bind(socket)
  let isLast = false
  socket.destroy = (error?: Error & { readonly syscall?: string }): Socket => {
    if (error?.syscall !== 'write' || isLast) return destroy(error)
    isLast = true
    socket.resume()
    // Between two turns of the event loop everything is read that the kernel holds.
    setImmediate(() => setImmediate(() => destroy(error)))
    return socket
  }
}

/** Where a socket leads: an origin, its TLS settings, and the proxy on the way. */
export interface SocketRoute {
  readonly origin: URL
  readonly tls: TlsSettings | undefined
  readonly proxy: Proxy | undefined
  /** Who named the origin, where a server did: only addresses that it may name are connected to. */
  readonly naming?: Naming | undefined
  /** Further authorities to trust when verification fails; default: none. */
  readonly trust?: SystemTrust | undefined
  /** Milliseconds a connection may take to be established, TLS included; default and at most 30 000. */
  readonly connectTimeout?: number | undefined
}

/** Milliseconds a connection may take at most. */
const longestConnect = 30_000

/** Node 20 gives each address 250 ms, which is too little for a far registry. */
const familyAttemptTimeout = 2500

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80))
}

/** Looks up a name that a server gave, and leaves out the addresses behind it that this server may not name: nothing is sent there, not even a handshake. */
function lookUpNamed(origin: URL, { by, trusted, option }: Naming): LookupFunction {
  return (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, found) => {
      const refusals = (error === null ? found : []).map(({ address }) => ({ address, why: addressRefusal(origin, by, trusted, address) }))
      const allowed = refusals.filter(({ why }) => why === undefined).map(({ address }) => ({ address, family: isIP(address) }))
      const [first] = allowed
      const [refused] = refusals
      if (first !== undefined) return options.all === true ? callback(null, allowed) : callback(null, first.address, first.family)
      callback(error ?? refusedAddress(origin, refused?.address ?? '', refused?.why, option), [])
    })
  }
}

function refusedAddress(origin: URL, address: string, why: string | undefined, option: Naming['option']): MirrorError {
  const isForbidden = isForbiddenHost(address)
  const what = isForbidden ? 'an address that registries must not refer to' : `${why}`
  return new MirrorError('REFUSED_ADDRESS', `${origin.host} is ${address}, ${what}`, { hint: trustHint(origin, { isForbidden, option }) })
}

/** One end that a socket is connected to: what messages call it, and what it is judged by. */
interface Peer {
  readonly name: string
  readonly url: URL
  readonly tls: TlsSettings | undefined
  readonly naming?: Naming | undefined
  /** What to do where it cannot be reached; default: by the failure. */
  readonly hint?: string
}

/** How long a socket is waited for: until the signal, and until when by `performance.now()`, proxy and TLS included. */
interface Patience {
  readonly signal: AbortSignal | undefined
  readonly deadline: number
}

/** Waits until `start` calls back; a socket that breaks, takes too long or is no longer wanted is destroyed. Errors name the peer. */
function outcome<T>(
  socket: Socket,
  { name, hint }: Pick<Peer, 'name' | 'hint'>,
  { signal, deadline }: Patience,
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
      reject(networkError(name, error, signal, hint))
    }
    const onClose = (): void => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' }))
    const late = (): void => fail(new MirrorError('TIMEOUT', `cannot connect to ${name}: timed out`, { hint: hint ?? wayHint }))
    const timer = setTimeout(late, deadline - performance.now())
    if (signal?.aborted === true) return fail(signal.reason)
    unheed = onAbort(signal, () => fail(signal?.reason))
    socket.once('error', fail).once('close', onClose)
    start((value) => {
      settle()
      resolve(value)
    }, fail)
  })
}

async function connected(socket: Socket, event: 'connect' | 'secureConnect', peer: Peer, patience: Patience): Promise<Socket> {
  await outcome<void>(socket, peer, patience, (resolve) => socket.once(event, () => resolve()))
  return socket
}

/** The settings for servers that are not trusted without the system's trust store, by what they are called in messages. */
const widened = new WeakMap<SocketRoute, Map<string, TlsSettings>>()

/** Opens a TLS socket, and once more with the system's trust store where the server is not trusted without it. */
async function secured(
  peer: Peer,
  route: SocketRoute,
  patience: Patience,
  open: (settings: TlsSettings | undefined) => Socket | Promise<Socket>,
): Promise<Socket> {
  const { name, tls } = peer
  const known = widened.get(route)?.get(name)
  try {
    return await connected(await open(known ?? tls), 'secureConnect', peer, patience)
  } catch (error) {
    if (known !== undefined || !isUntrusted(error)) throw error
    const more = await route.trust?.(tls)
    if (more === undefined) throw error
    widened.set(route, (widened.get(route) ?? new Map<string, TlsSettings>()).set(name, more))
    return connected(await open(more), 'secureConnect', peer, patience)
  }
}

/** What is asked for of the TLS of a server. */
function secureOptions(url: URL, settings: TlsSettings | undefined): ConnectionOptions {
  const host = hostOf(url)
  // Certificates are asked for by name only: SNI does not allow addresses.
  return { host, ...(isIP(host) === 0 && { servername: host }), ...tlsOptions(settings), ALPNProtocols: ['http/1.1'] }
}

/** Connects to an end without anything between, by TLS where its URL says so. */
function dial(peer: Peer, route: SocketRoute, patience: Patience, onread?: OnReadOpts): Promise<Socket> {
  const { url, naming } = peer
  const address = {
    host: hostOf(url),
    port: portOf(url),
    noDelay: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: familyAttemptTimeout,
    ...(onread && { onread }),
    ...(naming && { lookup: lookUpNamed(url, naming) }),
  }
  if (url.protocol !== 'https:') return connected(connectTcp(address), 'connect', peer, patience)
  return secured(peer, route, patience, (settings) => connectTls({ ...address, ...secureOptions(url, settings) }))
}

/** A proxy as the end that is connected to first. */
interface ProxyPeer {
  readonly proxy: Proxy
  readonly peer: Peer
}

function proxyPeer(proxy: Proxy, origin: URL): ProxyPeer {
  const { url, variable } = proxy
  return {
    proxy,
    peer: { name: formatProxy(proxy), url, tls: undefined, hint: `check ${variable}, or list ${origin.hostname} in NO_PROXY` },
  }
}

/** Asks an HTTP proxy for a tunnel: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6 */
async function tunnel(origin: URL, { proxy, peer }: ProxyPeer, route: SocketRoute, patience: Patience): Promise<Socket> {
  const socket = await dial(peer, route, patience)
  const authority = `${origin.hostname}:${portOf(origin)}`
  const authorization = proxyAuthorization(proxy)
  socket.write(
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`}\r\n`,
  )
  const status = await outcome<number>(socket, peer, patience, (resolve, reject) => {
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
  })
  if (status >= 200 && status < 300) return socket
  socket.on('error', () => undefined).destroy()
  throw proxyError(origin, proxy, status)
}

/** Opens a socket to the origin, which reads through `onread`, or where `buffered` is false by 'data' events. Throws MirrorError, or the signal's reason. */
export async function openSocket(
  route: SocketRoute,
  onread?: OnReadOpts,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly socket: Socket; readonly buffered: boolean }> {
  const { origin, tls, naming, connectTimeout = longestConnect } = route
  const patience = { signal, deadline: performance.now() + Math.min(connectTimeout, longestConnect) }
  const server: Peer = { name: origin.origin, url: origin, tls, naming }
  const proxy = route.proxy && proxyPeer(route.proxy, origin)
  if (proxy === undefined || origin.protocol === 'http:') {
    return { socket: await dial(proxy?.peer ?? server, route, patience, onread), buffered: true }
  }
  const socket = await secured(server, route, patience, async (settings) =>
    // The host is who the certificate has to be for; without it an address would be checked as the proxy's name.
    connectTls({ socket: await tunnel(origin, proxy, route, patience), ...secureOptions(origin, settings) }),
  )
  return { socket, buffered: false }
}
