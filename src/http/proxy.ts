import { BlockList, isIP } from 'node:net'
import { MirrorError } from '../errors.ts'
import { rememberSecret } from '../text/secrets.ts'
import { isLoopback } from './address.ts'

/** Variables of the process, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** True for an address, or a range of addresses, that holds the host. */
function matchesAddresses(entry: string, host: string): boolean {
  const [network = '', bits] = entry.split('/')
  const family = isIP(network)
  const width = family === 4 ? 32 : 128
  if (family === 0 || family !== isIP(host) || (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > width))) return false
  const type = family === 4 ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  list.addSubnet(network, bits === undefined ? width : Number(bits), type)
  return list.check(host, type)
}

/** NO_PROXY as Go and curl read it: `*`, hosts with their subdomains, `host:port`, addresses and CIDR ranges. */
function isExempt(url: URL, entries: readonly string[]): boolean {
  if (isLoopback(url.hostname)) return true
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return entries.some((raw) => {
    const entry = raw.toLowerCase()
    if (entry === '') return false
    if (entry === '*') return true
    if (entry.includes('/') || isIP(entry) !== 0) return matchesAddresses(entry, host)
    const [, name = entry, entryPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? []
    if (entryPort !== undefined && entryPort !== port) return false
    const bare = name.replace(/^\*?\./, '').replace(/^\[|\]$/g, '')
    return host === bare || host.endsWith(`.${bare}`)
  })
}

/** A proxy and the variable that names it. */
export interface Proxy {
  readonly url: URL
  /** `HTTPS_PROXY`, or as it is spelled in the environment. */
  readonly variable: string
}

/** A proxy in a message, without its password: `the proxy http://proxy:3128 (HTTPS_PROXY)`. */
export function formatProxy({ url, variable }: Proxy): string {
  return `the proxy ${url.origin} (${variable})`
}

/** The first of the variables that is set, and its name as it is spelled; lower case wins, as in curl. */
function firstSet(environment: Environment, names: readonly string[]): { readonly variable: string; readonly value: string } | undefined {
  const spelled = names.flatMap((name) => [name.toLowerCase(), name])
  const variable = spelled.find((name) => environment[name])
  return variable === undefined ? undefined : { variable, value: environment[variable] ?? '' }
}

/** The proxy for URLs of a scheme, exceptions left out. HTTP_PROXY in capitals is honoured because Go tools do. Throws INVALID_CONFIG. */
function proxyForScheme(scheme: 'HTTPS' | 'HTTP', environment: Environment): Proxy | undefined {
  const found = firstSet(environment, [`${scheme}_PROXY`, 'ALL_PROXY'])
  if (found === undefined) return undefined
  const { variable, value } = found
  const text = value.includes('://') ? value : `http://${value}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return { url, variable }
  const [, named] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value) ?? []
  const isOther = named !== undefined && !/^https?$/i.test(named)
  // The URL may hold a password.
  throw new MirrorError(
    'INVALID_CONFIG',
    `${variable} ${isOther ? `names a ${named}:// proxy, which is unsupported` : 'is not a valid proxy URL'}`,
    {
      hint: `set ${variable} to http://<host>:<port> or http://<user>:<password>@<host>:<port> (https:// for a proxy with TLS), or unset it`,
    },
  )
}

/** Reads the variables that name proxies. Throws INVALID_CONFIG where one cannot be used, without the URL, which may hold a password. */
export function checkProxies(environment: Environment): void {
  proxyForScheme('HTTPS', environment)
  proxyForScheme('HTTP', environment)
}

/** The proxy for a URL, undefined for a direct connection, as to loopback. Throws as checkProxies. */
export function proxyFor(url: URL, environment: Environment): Proxy | undefined {
  const exceptions = firstSet(environment, ['NO_PROXY'])?.value ?? ''
  if (isExempt(url, exceptions.split(/[\s,]+/))) return undefined
  return proxyForScheme(url.protocol === 'https:' ? 'HTTPS' : 'HTTP', environment)
}

/** A password with a percent sign of its own is taken as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The Proxy-Authorization header for a proxy URL with user and password. */
export function proxyAuthorization({ url: proxy }: Proxy): string | undefined {
  if (proxy.username === '' && proxy.password === '') return undefined
  const [user, password] = [decoded(proxy.username), decoded(proxy.password)]
  rememberSecret(password, user)
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
