import { MirrorError } from '../errors.ts'
import { isLoopback } from '../http/address.ts'
import { isRegistry, isRepositoryPath } from '../oci/reference.ts'

/** Where a registry's API is: the origin and the path that repositories stand under there. */
export interface Endpoint {
  /** `https://host[:port]`, without a path. */
  readonly origin: URL
  /** `prefix/` before every repository path, or empty. */
  readonly prefix: string
  /** The path of the API, without a slash at its end; default `/v2`. A node's endpoint may have another. */
  readonly apiPath?: string
  /** The registry that is asked for, where the endpoint mirrors several: `?ns=` of every request. */
  readonly namespace?: string
}

function refuse(text: string, why: string): never {
  const safe = text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@').replace(/[^\x20-\x7e]/g, '?')
  throw new MirrorError('USAGE', `"${safe}" is not an endpoint of a registry: ${why}`, {
    hint: 'write [http://|https://]host[:port][/prefix], or oci:<directory> for a destination',
  })
}

/** K3s' rule for an endpoint without a scheme: http for a loopback host with a port that is not 443, else https. */
function schemeFor(authority: string): 'http' | 'https' {
  const [, host = '', port] = /^(.*?)(?::([0-9]+))?$/.exec(authority) ?? []
  return isLoopback(host) && port !== undefined && port !== '443' ? 'http' : 'https'
}

/** Reads `[http://|https://]host[:port][/prefix]`; throws USAGE. A leading `/v2` of the prefix is the API itself and left out. */
export function parseEndpoint(text: string): Endpoint {
  const [, scheme, rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/i.exec(text) ?? []
  if (scheme !== undefined && !/^https?$/i.test(scheme)) refuse(text, `it has the scheme ${scheme}`)
  const [authority = '', ...segments] = rest.replace(/(?<!\/)\/+$/, '').split('/')
  if (authority.includes('@')) refuse(text, 'credentials do not belong here')
  if (!isRegistry(authority)) refuse(text, authority === '' ? 'it has no host' : 'its host is malformed')
  const path = (segments[0] === 'v2' ? segments.slice(1) : segments).join('/')
  if (path !== '' && !isRepositoryPath(path)) refuse(text, 'its path is not a repository prefix')
  const origin = new URL(`${scheme?.toLowerCase() ?? schemeFor(authority)}://${authority}`)
  return { origin, prefix: path === '' ? '' : `${path}/` }
}

/** The registry's own endpoint; Docker Hub's API is at another host than its name says. */
export function defaultEndpoint(registry: string): Endpoint {
  return parseEndpoint(registry === 'docker.io' ? 'https://registry-1.docker.io' : registry)
}

/** The URL of something in a repository: `<origin>/v2/<prefix><path>/<suffix>`; all of it was checked against the grammar before. */
export function apiUrl({ origin, prefix, apiPath = '/v2', namespace }: Endpoint, path: string, suffix: string): URL {
  const url = new URL(`${apiPath}/${prefix}${path}/${suffix}`, origin)
  if (namespace !== undefined) url.searchParams.set('ns', namespace)
  return url
}
