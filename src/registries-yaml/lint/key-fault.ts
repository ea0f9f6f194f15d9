import { isIPv6 } from 'node:net'

/** Why a key of `mirrors` or `configs` never matches; lint reports the first reason in this order. */
export type KeyFault = 'scheme' | 'userinfo' | 'path' | 'ipv6' | 'pattern' | 'index-docker-io' | 'upper-case'

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

/** Why a key never matches; undefined for a key that can match. */
export function keyFault(key: string): KeyFault | undefined {
  if (key === '*' || key === '') return undefined
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(key)) return 'scheme'
  if (key.includes('@')) return 'userinfo'
  if (/[/?#]/.test(key) || key === '.' || key === '..') return 'path'
  if (isBareIPv6(key)) return 'ipv6'
  if (key.includes('*')) return 'pattern'
  if (isIndexDockerIo(key)) return 'index-docker-io'
  return /[A-Z]/.test(key) ? 'upper-case' : undefined
}

/** The key that the user probably means. */
export function meantKey(key: string, section: 'mirrors' | 'configs'): string {
  const host = hostOf(key).toLowerCase()
  if (!isIndexDockerIo(host)) return host
  return section === 'mirrors' ? 'docker.io' : 'registry-1.docker.io'
}
