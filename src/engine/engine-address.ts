import { isIPv6 } from 'node:net'
import { platform } from 'node:os'
import { MirrorError } from '../errors.ts'
import { withoutControls } from '../text/printable.ts'
import { defaultContext, readCurrentContext, readDockerContext, readPemFiles, shownContext, type PemFiles } from './docker-context.ts'

/** Where a Docker Engine listens. */
export type EngineAddress =
  | { readonly kind: 'socket'; /** A Unix socket, or a named pipe on Windows. */ readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: EngineTls }
  | SshAddress

/** A host that is logged in to over ssh, where `docker` reaches the Engine. */
export interface SshAddress {
  readonly kind: 'ssh'
  readonly host: string
  readonly user?: string
  readonly port?: number
  /** The Engine's socket over there; default: what `docker` uses over there. */
  readonly socketPath?: string
}

/** PEM texts for a connection to an Engine, and whether its certificate is checked. */
export interface EngineTls extends PemFiles {
  readonly verify: boolean
}

type ReadTls = () => Promise<EngineTls | undefined>
type Refuse = (why: string, hint?: string) => MirrorError

const unixSocket = '/var/run/docker.sock'
const namedPipe = '//./pipe/docker_engine'

/**
 * Finds the Engine as Docker's own CLI does (https://docs.docker.com/reference/cli/docker/#environment-variables): `dockerHost`, DOCKER_HOST,
 * DOCKER_CONTEXT, `currentContext` of config.json, the default; `from` says which. Throws USAGE for an address, INVALID_CONFIG for a context or TLS files.
 */
export async function findEngineAddress(options: {
  readonly dockerHost?: string | undefined
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  readonly dockerConfig?: string | undefined
}): Promise<{ readonly address: EngineAddress; readonly from: string }> {
  const { dockerHost, environment = {}, dockerConfig } = options
  const environmentTls: ReadTls = () => readEnvironmentTls(environment, dockerConfig)
  const [from, given] = dockerHost === undefined ? ['DOCKER_HOST', environment['DOCKER_HOST']] : ['options.dockerHost', dockerHost]
  if (given || dockerHost !== undefined) return { address: await parseAddress(given ?? '', refuseFor('USAGE', from), environmentTls), from }

  const name = environment['DOCKER_CONTEXT'] || (dockerConfig === undefined ? defaultContext : await readCurrentContext(dockerConfig))
  if (name === defaultContext) {
    const tls = await environmentTls()
    if (tls !== undefined) return { address: { kind: 'tcp', host: 'localhost', port: 2376, tls }, from: 'the default' }
    return { address: { kind: 'socket', path: platform() === 'win32' ? namedPipe : unixSocket }, from: 'the default' }
  }
  if (dockerConfig === undefined) {
    throw new MirrorError('INVALID_CONFIG', `${shownContext(name)} cannot be looked up: Docker's configuration directory is not known`, {
      hint: 'set DOCKER_CONFIG, or pass options.dockerHost',
    })
  }
  const { host, skipTlsVerify, tlsDirectory } = await readDockerContext(dockerConfig, name)
  const address = await parseAddress(host, refuseFor('INVALID_CONFIG', shownContext(name)), async () => {
    const files = await readPemFiles(tlsDirectory, { needsCa: false })
    return skipTlsVerify || Object.keys(files).length > 0 ? { ...files, verify: !skipTlsVerify } : undefined
  })
  return { address, from: shownContext(name) }
}

/** An address for messages, as it would be written. No password can be in it; control characters are escaped. */
export function formatEngineAddress(address: EngineAddress): string {
  if (address.kind === 'socket') return `${isNamedPipe(address.path) ? 'npipe' : 'unix'}://${withoutControls(address.path)}`
  const host = isIPv6(address.host) ? `[${address.host.replace('%', '%25')}]` : withoutControls(address.host)
  if (address.kind === 'tcp') return `tcp://${host}:${address.port}`
  const { user, port, socketPath = '' } = address
  return `ssh://${user === undefined ? '' : `${encoded(user)}@`}${host}${port === undefined ? '' : `:${port}`}${encoded(socketPath)}`
}

/** As the Docker CLI: TLS when DOCKER_TLS_VERIFY is not empty, and unchecked when only DOCKER_TLS is not. */
async function readEnvironmentTls(
  environment: Readonly<Record<string, string | undefined>>,
  dockerConfig: string | undefined,
): Promise<EngineTls | undefined> {
  const verify = Boolean(environment['DOCKER_TLS_VERIFY'])
  if (!verify && !environment['DOCKER_TLS']) return undefined
  const directory = environment['DOCKER_CERT_PATH'] || dockerConfig
  if (directory === undefined) {
    throw new MirrorError('INVALID_CONFIG', 'DOCKER_TLS_VERIFY or DOCKER_TLS is set, but DOCKER_CERT_PATH is not', {
      hint: 'set DOCKER_CERT_PATH to the directory of ca.pem, cert.pem and key.pem',
    })
  }
  return { ...(await readPemFiles(directory, { needsCa: true })), verify }
}

function refuseFor(code: 'USAGE' | 'INVALID_CONFIG', from: string): Refuse {
  // the address itself is not shown: what is malformed may hold a password anywhere
  return (why, hint = 'pass unix:///path/to/docker.sock, tcp://host:2376 or ssh://user@host') =>
    new MirrorError(code, `${from} contains an invalid Docker Engine address: ${why}`, { hint })
}

async function parseAddress(written: string, refuse: Refuse, readTls: ReadTls): Promise<EngineAddress> {
  const text = written.trim()
  if (text === '') throw refuse('it is empty')
  if (unseen.test(text)) throw refuse('it contains control characters')
  const [, scheme = /^\.?\//.test(text) ? 'unix' : 'tcp', rest = text] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? []
  if (rest.includes('://')) throw refuse('its scheme is invalid')
  switch (scheme.toLowerCase()) {
    case 'unix':
      return { kind: 'socket', path: rest || unixSocket }
    case 'npipe':
      return { kind: 'socket', path: rest || namedPipe }
    case 'tcp': {
      const { user, socketPath, host, port } = parseHost(rest, refuse)
      if (user !== undefined) throw refuse('tcp addresses have no user')
      if (socketPath !== undefined) throw refuse('tcp addresses have no path')
      const tls = await readTls()
      return { kind: 'tcp', host, port: port ?? (tls === undefined ? 2375 : 2376), ...(tls !== undefined && { tls }) }
    }
    case 'ssh': {
      const parsed = parseHost(rest, refuse)
      // "-" would be an option of ssh, and the rest may be put into a shell's command line by ProxyCommand
      if (parsed.user === undefined || /^[\p{L}\p{N}_.][\p{L}\p{M}\p{N}_.@+\\-]*$/u.test(parsed.user)) return { kind: 'ssh', ...parsed }
      throw refuse('its user name is invalid')
    }
    default:
      throw refuse(`"${scheme.slice(0, 20)}" is not one of unix, npipe, tcp and ssh`)
  }
}

/** Reads `[user@]host[:port][/path]`. */
function parseHost(text: string, refuse: Refuse): Omit<SshAddress, 'kind'> {
  const [, authority = '', path = '', extra = ''] = /^([^/?#]*)([^?#]*)(.*)$/s.exec(text) ?? []
  if (extra !== '') throw refuse('a "?" or "#" means nothing in it')
  const at = authority.lastIndexOf('@')
  const userinfo = authority.slice(0, Math.max(at, 0))
  if (userinfo.includes(':'))
    throw refuse('it contains a password', 'remove the password, and use a key: ssh-add, or TLS with DOCKER_CERT_PATH')
  const [, bracketed, name = '', portText] = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(authority.slice(at + 1)) ?? []
  const host = bracketed === undefined ? name : bracketed.replace('%25', '%')
  if (host === '') throw refuse('its host is missing, or an IPv6 address without brackets')
  // a host that begins with "-" would be an option of ssh
  const isHost = bracketed === undefined ? /^[\p{L}\p{N}_.][\p{L}\p{M}\p{N}_.-]*$/u.test(host) : isIPv6(host)
  if (!isHost) throw refuse('its host is neither a name nor an IP address')
  const port = portText === undefined ? undefined : Number(portText)
  if (port !== undefined && (!/^\d{1,5}$/.test(portText ?? '') || port < 1 || port > 65535)) {
    throw refuse('its port is not a number from 1 to 65535')
  }
  const user = decoded(userinfo, refuse)
  return {
    host,
    ...(user !== '' && { user }),
    ...(port !== undefined && { port }),
    ...(!/^\/*$/.test(path) && { socketPath: decoded(path, refuse) }),
  }
}

function decoded(text: string, refuse: Refuse): string {
  let plain: string
  try {
    plain = decodeURIComponent(text)
  } catch {
    throw refuse('it has a "%" that begins no escape')
  }
  if (unseen.test(plain)) throw refuse('it contains control characters')
  return plain
}

const unseen = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u

function encoded(text: string): string {
  return withoutControls(text.replace(/[%?#:\s]/g, (c) => encodeURIComponent(c)))
}

function isNamedPipe(path: string): boolean {
  return /^(?:\/\/|\\\\)\.[/\\]pipe[/\\]/.test(path)
}
