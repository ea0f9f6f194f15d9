import { BlockList, isIP } from 'node:net'

const own = new BlockList()
own.addSubnet('127.0.0.0', 8, 'ipv4')
own.addAddress('0.0.0.0', 'ipv4')
own.addAddress('::1', 'ipv6')
own.addAddress('::', 'ipv6')

/** The host of `host[:port]`, in lower case and without brackets. */
function bareHost(hostPort: string): string {
  const [, literal, name] = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?$/.exec(hostPort) ?? []
  return (literal ?? name ?? hostPort).toLowerCase().replace(/\.$/, '')
}

/** True for `host[:port]` that every node resolves to itself: localhost, a loopback address, or the unspecified address. */
export function isNodeItself(hostPort: string): boolean {
  const host = bareHost(hostPort)
  const version = isIP(host)
  if (version === 0) return host === 'localhost' || host.endsWith('.localhost')
  return own.check(host, version === 6 ? 'ipv6' : 'ipv4')
}

/** True for 0.0.0.0 and ::, which a server listens on and no client should connect to. */
export function isListenAddress(hostPort: string): boolean {
  const host = bareHost(hostPort)
  return host === '0.0.0.0' || host === '::'
}

/** The warning about such a host in a file for nodes. */
export function nodeItselfWarning(hostPort: string): string {
  return `${bareHost(hostPort)} means the node itself: use an address that nodes can reach`
}
