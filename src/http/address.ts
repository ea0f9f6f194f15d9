import { BlockList, isIP, isIPv4 } from 'node:net'

function blockList(...subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const [address = '', prefix] of subnets.map((subnet) => subnet.split('/'))) {
    list.addSubnet(address, Number(prefix), isIPv4(address) ? 'ipv4' : 'ipv6')
  }
  return list
}

const loopback = blockList('127.0.0.0/8', '::1/128')
const unspecified = blockList('0.0.0.0/8', '::/128')
const linkLocal = blockList('169.254.0.0/16', 'fe80::/10')
// https://www.rfc-editor.org/rfc/rfc1918, rfc6598 (carrier NAT), rfc4193 (unique local) and rfc3879 (site local)
const privateUse = blockList('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10')
// where clouds hand out a machine's own credentials, in addition to 169.254.169.254
const metadata = blockList(
  'fd00:ec2::254/128',
  'fd00:ec2::23/128',
  'fd20:ce::254/128',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '168.63.129.16/32',
)
const metadataNames = new Set([
  'metadata.google.internal',
  'metadata.goog',
  'metadata',
  'instance-data',
  'instance-data.ec2.internal',
  'metadata.tencentyun.com',
])

const lastFour = [12, 13, 14, 15]
/** IPv6 prefixes that carry an IPv4 address, the bytes in which it may stand, and what those are XORed with. */
const carriers: readonly (readonly [prefixes: BlockList, positions: readonly (readonly number[])[], mask: number])[] = [
  // mapped, compatible, SIIT, NAT64
  [blockList('::ffff:0:0/96', '::/96', '::ffff:0:0:0/96', '64:ff9b::/96'), [lastFour], 0],
  // RFC 6052, whose local prefix of RFC 8215 has room for every length of prefix
  [blockList('64:ff9b:1::/48'), [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], lastFour], 0],
  // 6to4
  [blockList('2002::/16'), [[2, 3, 4, 5]], 0],
  // Teredo: its server, and its client with every bit turned round
  [blockList('2001::/32'), [[4, 5, 6, 7]], 0],
  [blockList('2001::/32'), [lastFour], 255],
]

/** The sixteen bytes of an IPv6 address. */
function ipv6Bytes(address: string): readonly number[] {
  // URL turns a dotted tail into groups and lower-cases the rest
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].map((group) => parseInt(group, 16)).flatMap((group) => [group >> 8, group & 255])
}

/** The IPv4 addresses that an IPv6 address may stand for. */
function embeddedIpv4(address: string): readonly string[] {
  if (isInside(loopback, address) || isInside(unspecified, address)) return []
  const bytes = ipv6Bytes(address)
  const found = carriers
    .filter(([prefixes]) => prefixes.check(address, 'ipv6'))
    .flatMap(([, positions, mask]) => positions.map((four) => four.map((at) => (bytes[at] ?? 0) ^ mask).join('.')))
  // Of several readings, one of leading zeros is that of a longer prefix.
  return found.length === 1 ? found : found.filter((text) => !isInside(unspecified, text))
}

function isInside(list: BlockList, address: string): boolean {
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}

/** The addresses that a host literal stands for, those inside an IPv6 address before itself; none for a name. */
function literalAddresses(hostname: string): readonly string[] {
  const text = hostname.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '')
  if (isIP(text) === 0) return []
  return isIPv4(text) ? [text] : [...embeddedIpv4(text), text]
}

function isLiteralInside(list: BlockList, hostname: string): boolean {
  return literalAddresses(hostname).some((address) => isInside(list, address))
}

/** A host name in lower case, without the dot at its end. */
export function plainName(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, '')
}

/** True when the host is an IP address, in brackets or not, as `URL.hostname` gives it. */
export function isAddressLiteral(hostname: string): boolean {
  return literalAddresses(hostname).length > 0
}

/** True for 127.0.0.0/8, ::1, and the names that always mean them: localhost and everything under it. */
export function isLoopback(hostname: string): boolean {
  return isLiteralInside(loopback, hostname) || /(?:^|\.)localhost$/.test(plainName(hostname))
}

/** True for the addresses of private networks, of carrier NAT, and for unique local IPv6 addresses. */
export function isPrivate(hostname: string): boolean {
  return isLiteralInside(privateUse, hostname)
}

/** True for 169.254.0.0/16 and fe80::/10. */
export function isLinkLocal(hostname: string): boolean {
  return isLiteralInside(linkLocal, hostname)
}

/** True for 0.0.0.0/8 and `::`, which reach the machine itself. */
export function isUnspecified(hostname: string): boolean {
  return isLiteralInside(unspecified, hostname)
}

/** True for the addresses and names from which cloud machines read their own credentials. */
export function isMetadata(hostname: string): boolean {
  return isLiteralInside(metadata, hostname) || metadataNames.has(plainName(hostname))
}

/** True for a host that no server may name: link-local, unspecified and metadata addresses. */
export function isForbiddenHost(hostname: string): boolean {
  return isLinkLocal(hostname) || isUnspecified(hostname) || isMetadata(hostname)
}

/** A server that names another host: its URL, and its address where it was reached directly. */
export interface NamingServer {
  readonly url: URL
  readonly address?: string | undefined
}

/** Who named the host that is asked, and what it may name. */
export interface Naming {
  readonly by: NamingServer
  /** Hosts, `host` or `host:port`, that it may name though they are private, and the option that lists them. */
  readonly trusted: readonly string[]
  readonly option: 'options.storageHosts' | 'options.tokenHosts'
}

/** True for a URL whose host is listed as `host` or `host:port`. */
export function isListed({ hostname, host }: URL, hosts: readonly string[]): boolean {
  return hosts.some((listed) => plainName(listed) === plainName(hostname) || listed.toLowerCase() === host)
}

/** Why the server `from` may not send us to `to`, as text after "it is"; undefined when it may. `address` is that of `to` once it is looked up. */
export function addressRefusal(
  to: URL,
  from: NamingServer,
  trusted: readonly string[] = [],
  address: string = to.hostname,
): string | undefined {
  if (isLinkLocal(address)) return 'a link-local address'
  if (isUnspecified(address)) return 'the unspecified address'
  if (isMetadata(address)) return 'a cloud metadata address'
  if (plainName(to.hostname) === plainName(from.url.hostname) || isListed(to, trusted)) return undefined
  const known = from.address === undefined ? [from.url.hostname] : [from.url.hostname, from.address]
  if (isLoopback(address)) return known.some(isLoopback) ? undefined : 'a loopback address'
  if (isPrivate(address)) return known.some((host) => isPrivate(host) || isLoopback(host)) ? undefined : 'a private address'
  return undefined
}
