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

/** The proxy for a URL, undefined for a direct connection, as to loopback; throws INVALID_CONFIG, which does not repeat a URL that may hold a password. */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  // Lower case wins, as in curl; HTTP_PROXY in capitals is honoured because Go tools do.
  const variable = (name: string): string => environment[name.toLowerCase()] || environment[name] || ''
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const value = variable(name)
  if (value === '' || isExempt(url, variable('NO_PROXY').split(/[\s,]+/))) return undefined
  const text = value.includes('://') ? value : `http://${value}`
  const proxy = URL.canParse(text) ? new URL(text) : undefined
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy
  throw new MirrorError('INVALID_CONFIG', `${name} is not a URL of a proxy`, {
    hint: 'Write http://host:port, or http://user:password@host:port.',
  })
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
export function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === '' && proxy.password === '') return undefined
  const [user, password] = [decoded(proxy.username), decoded(proxy.password)]
  rememberSecret(password, user)
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
