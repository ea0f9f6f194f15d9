import { BlockList, isIP } from 'node:net'
import { formatGoUrl, GoUrlError, parseGoUrl, tryGoUrl } from '../go/go-url.ts'

/** An endpoint as K3s reads it. */
export interface NormalisedEndpoint {
  /** The key of `configs` for its credentials and TLS. */
  readonly registry: string
  /** `host[:port]` of the requests. */
  readonly host: string
  readonly url: string
  /** The URL's path replaces `/v2`; containerd appends nothing to it. */
  readonly overridePath: boolean
}

/** The host that requests for a registry go to, which differs from its name for Docker Hub. */
export function defaultHost(registry: string): string {
  return registry === 'docker.io' ? 'registry-1.docker.io' : registry
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** True for localhost and loopback addresses, with or without a port; an IPv6 address without a port has no brackets. */
export function isLocalhost(hostPort: string): boolean {
  const [, literal, name] = /^(?:\[([^[\]]*)\]|([^:[\]]*)):[^:[\]]*$/.exec(hostPort) ?? []
  const host = literal ?? name ?? hostPort
  const version = isIP(host)
  return host === 'localhost' || (version !== 0 && loopback.check(host, version === 6 ? 'ipv6' : 'ipv4'))
}

/** Reads an endpoint, or a key that names one, as K3s does. The embedded registry uses https despite its local address. Throws GoUrlError. */
export function normaliseEndpoint(endpoint: string, embeddedAddress?: string): NormalisedEndpoint {
  const parsed = parseGoUrl(endpoint.includes('://') ? endpoint : `//${endpoint}`)
  const [, port = ''] = /:([0-9]*)$/.exec(parsed.host) ?? []
  const isPlainHttp = isLocalhost(parsed.host) && port !== '' && port !== '443' && parsed.host !== embeddedAddress
  const scheme = parsed.scheme === '' ? (isPlainHttp ? 'http' : 'https') : parsed.scheme
  const host = defaultHost(parsed.host)
  const text = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8')
  const isApi = ['', '/', '/v2'].includes(parsed.path)
  return {
    registry: host === 'registry-1.docker.io' ? 'docker.io' : text(parsed.host),
    host: text(host),
    url: formatGoUrl({ ...parsed, scheme, host, path: isApi ? '/v2' : parsed.path }),
    overridePath: !isApi,
  }
}

/** The same; undefined for an invalid URL, which K3s ignores. */
export function tryNormaliseEndpoint(endpoint: string, embeddedAddress?: string): NormalisedEndpoint | undefined {
  const normalised = tryGoUrl(() => normaliseEndpoint(endpoint, embeddedAddress))
  return normalised instanceof GoUrlError ? undefined : normalised
}
