import { isIPv6 } from 'node:net'

/** Why a key of `mirrors` or `configs` never matches, or not as it is meant; lint reports the first reason in this order. */
export type KeyFault =
  | 'scheme'
  | 'userinfo'
  | 'path'
  | 'ipv6'
  | 'pattern'
  | 'index-docker-io'
  | 'directory'
  | 'request-host'
  | 'no-registry'
  | 'upper-case'

/** A section of a registries.yaml. */
export type Section = 'mirrors' | 'configs'

const indexHost = 'index.docker.io'

/** The `host[:port]` of a key or an endpoint. */
function hostOf(text: string): string {
  const withoutScheme = text.replace(/^[a-z][a-z0-9+.-]*:\/*/i, (scheme) => (scheme.includes('/') ? '' : scheme))
  return (/^[^/?#]*/.exec(withoutScheme)?.[0] ?? '').replace(/^.*@/, '')
}

/** True for an IPv6 address without brackets, with or without a port. */
export function isBareIPv6(text: string): boolean {
  const host = hostOf(text)
  return isIPv6(host) || (isIPv6(host.replace(/:[0-9]*$/, '')) && !host.includes('['))
}

/** True for `index.docker.io`, Docker Hub's name in Docker's login files, with or without a port. */
export function isIndexDockerIo(host: string): boolean {
  return host.toLowerCase().replace(/:443$/, '') === indexHost
}

/** The registry of a directory in certs.d that containerd reads for another name than its own, as on Windows: `host_5000_` for `host:5000`, and `_default` for all. */
function registryOfDirectory(key: string): string | undefined {
  if (key === '_default') return '*'
  const [, host, port] = /^(.+)_([0-9]+)_$/.exec(key) ?? []
  return host === undefined ? undefined : `${host}:${port}`
}

/** Why a key never matches; undefined for a key that can match. */
export function keyFault(key: string, section: Section): KeyFault | undefined {
  if (key === '*' || key === '') return undefined
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(key)) return 'scheme'
  if (key.includes('@')) return 'userinfo'
  if (/[/?#]/.test(key) || key === '.' || key === '..') return 'path'
  if (isBareIPv6(key)) return 'ipv6'
  if (key.includes('*')) return 'pattern'
  if (isIndexDockerIo(key)) return 'index-docker-io'
  if (registryOfDirectory(key) !== undefined) return 'directory'
  if (section === 'mirrors' && key === 'registry-1.docker.io') return 'request-host'
  if (/[A-Z]/.test(key)) return 'upper-case'
  // Docker's rule for the first part of a name: https://github.com/distribution/reference/blob/v0.6.0/normalize.go
  return section === 'mirrors' && !/[.:]/.test(key) && key !== 'localhost' ? 'no-registry' : undefined
}

/** The key that the user probably means. */
export function meantKey(key: string, section: Section): string {
  const registry = registryOfDirectory(key)
  if (registry !== undefined) return registry
  const host = hostOf(key).toLowerCase()
  if (host === 'registry-1.docker.io' && section === 'mirrors') return 'docker.io'
  if (!isIndexDockerIo(host)) return host
  return section === 'mirrors' ? 'docker.io' : 'registry-1.docker.io'
}
