import { BlockList, isIP, isIPv4 } from 'node:net'

type Subnet = readonly [address: string, prefix: number]

function blockList(subnets: readonly Subnet[]): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of subnets) list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6')
  return list
}

const loopback = blockList([
  ['127.0.0.0', 8],
  ['::1', 128],
])
const unspecified = blockList([
  ['0.0.0.0', 8],
  ['::', 128],
])
const linkLocal = blockList([
  ['169.254.0.0', 16],
  ['fe80::', 10],
])
// https://www.rfc-editor.org/rfc/rfc1918, rfc6598 (carrier NAT), rfc4193 (unique local) and rfc3879 (site local)
const privateUse = blockList([
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['fc00::', 7],
  ['fec0::', 10],
])
// where clouds hand out a machine's own credentials, beside 169.254.169.254
const metadata = blockList([
  ['fd00:ec2::254', 128],
  ['fd00:ec2::23', 128],
  ['fd20:ce::254', 128],
  ['100.100.100.200', 32],
  ['192.0.0.192', 32],
  ['168.63.129.16', 32],
])
const metadataNames = new Set([
  'metadata.google.internal',
  'metadata.goog',
  'metadata',
  'instance-data',
  'instance-data.ec2.internal',
  'metadata.tencentyun.com',
])
// IPv6 prefixes that carry an IPv4 address, and the group it begins at: mapped, compatible, NAT64 (RFC 6052, RFC 8215), SIIT, 6to4
const carriers: readonly (readonly [BlockList, number])[] = [
  [blockList([['::ffff:0:0', 96]]), 6],
  [blockList([['::', 96]]), 6],
  [blockList([['64:ff9b::', 96]]), 6],
  [blockList([['64:ff9b:1::', 48]]), 6],
  [blockList([['::ffff:0:0:0', 96]]), 6],
  [blockList([['2002::', 16]]), 1],
]

/** The eight 16-bit groups of an IPv6 address. */
function ipv6Groups(address: string): readonly number[] {
  // URL turns a dotted tail into groups and lower-cases the rest
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].map((group) => parseInt(group, 16))
}

function embeddedIpv4(address: string): string | undefined {
  if (isInside(loopback, address) || isInside(unspecified, address)) return undefined
  const carrier = carriers.find(([prefix]) => prefix.check(address, 'ipv6'))
  if (carrier === undefined) return undefined
  const groups = ipv6Groups(address)
  const [high = 0, low = 0] = groups.slice(carrier[1], carrier[1] + 2)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

function isInside(list: BlockList, address: string): boolean {
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}

/** The address that a host literal stands for: an IPv4 address inside an IPv6 one comes out; undefined for a name. */
function literalAddress(hostname: string): string | undefined {
  const text = hostname.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '')
  if (isIP(text) === 0) return undefined
  return isIPv4(text) ? text : (embeddedIpv4(text) ?? text)
}

function plainName(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, '')
}

/** True when the host is an IP address, in brackets or not, as `URL.hostname` gives it. */
export function isAddressLiteral(hostname: string): boolean {
  return literalAddress(hostname) !== undefined
}

/** True for 127.0.0.0/8, ::1, and the names that always mean them: localhost and everything under it. */
export function isLoopback(hostname: string): boolean {
  const address = literalAddress(hostname)
  return address === undefined ? /(?:^|\.)localhost$/.test(plainName(hostname)) : isInside(loopback, address)
}

/** True for the addresses of private networks, of carrier NAT, and for unique local IPv6 addresses. */
export function isPrivate(hostname: string): boolean {
  const address = literalAddress(hostname)
  return address !== undefined && isInside(privateUse, address)
}

/** True for 169.254.0.0/16 and fe80::/10. */
export function isLinkLocal(hostname: string): boolean {
  const address = literalAddress(hostname)
  return address !== undefined && isInside(linkLocal, address)
}

/** True for 0.0.0.0/8 and `::`, which reach the machine itself. */
export function isUnspecified(hostname: string): boolean {
  const address = literalAddress(hostname)
  return address !== undefined && isInside(unspecified, address)
}

/** True for the addresses and names from which cloud machines read their own credentials. */
export function isMetadata(hostname: string): boolean {
  const address = literalAddress(hostname)
  return address === undefined ? metadataNames.has(plainName(hostname)) : isInside(metadata, address)
}

/** True for a host that nobody may be sent to: link-local, unspecified and metadata addresses. */
export function isForbiddenHost(hostname: string): boolean {
  return isLinkLocal(hostname) || isUnspecified(hostname) || isMetadata(hostname)
}

/** A server that names another place: its URL, and its address where it was reached directly. */
export interface NamingServer {
  readonly url: URL
  readonly address?: string | undefined
}

/** True for a URL whose host is listed as `host` or `host:port`. */
export function isListed({ hostname, host }: URL, hosts: readonly string[]): boolean {
  return hosts.some((listed) => plainName(listed) === plainName(hostname) || listed.toLowerCase() === host)
}

/**
 * Why the server `from` may not send us to `to`: text that fits after "it is", or undefined when it may. Link-local, unspecified and metadata
 * addresses are always refused; loopback and private ones unless they are `trusted`, or `from` is the same host, or itself as local by its name or
 * by the address behind it.
 */
export function addressRefusal(to: URL, from: NamingServer, trusted: readonly string[] = []): string | undefined {
  const { hostname } = to
  if (isLinkLocal(hostname)) return 'a link-local address'
  if (isUnspecified(hostname)) return 'the unspecified address'
  if (isMetadata(hostname)) return 'a cloud metadata address'
  if (plainName(hostname) === plainName(from.url.hostname) || isListed(to, trusted)) return undefined
  const known = from.address === undefined ? [from.url.hostname] : [from.url.hostname, from.address]
  if (isLoopback(hostname)) return known.some(isLoopback) ? undefined : 'a loopback address'
  if (isPrivate(hostname)) return known.some((host) => isPrivate(host) || isLoopback(host)) ? undefined : 'a private address'
  return undefined
}
