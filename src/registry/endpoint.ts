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

/** The option that an endpoint was given with. */
type EndpointOption = 'options.to' | 'options.from'

const forms: Readonly<Record<EndpointOption, string>> = {
  'options.to': 'pass options.to [http://|https://]host[:port][/prefix], or oci:<directory>',
  'options.from': 'pass options.from <registry>=[http://|https://]host[:port][/prefix], as in docker.io=https://mirror.example.com',
}

const logins: Readonly<Record<EndpointOption, string>> = {
  'options.to': 'run docker login, set K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD, or pass options.registries',
  'options.from': 'run docker login, or pass options.registries',
}

/** Throws USAGE with what was given, without credentials. */
function refuse(text: string, option: EndpointOption | undefined, why: string, hint = option && forms[option]): never {
  const safe = text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@').replace(/[^\x20-\x7e]/g, '?')
  throw new MirrorError('USAGE', `invalid ${option ?? 'endpoint'} "${safe}": ${why}`, { hint })
}

const archiveName = /\.(?:tar|tar\.(?:gz|zst)|tgz)$/i

/** Refuses what is not an endpoint at all but a path, an archive, or the form of another tool. */
function refuseOtherForms(text: string, option: EndpointOption | undefined): void {
  if (/^(?:\.{1,2}$|\.{0,2}\/.|~)/.test(text)) refuse(text, option, 'expected a registry, got a path', `pass oci:${text} for an OCI layout`)
  // An archive to read from was refused where its option is read.
  if (!/[/:@]/.test(text) && archiveName.test(text))
    refuse(text, option, 'expected a registry, got a file', `run bundle create ${text} to write an archive`)
  const [, transport, path = ''] =
    /^(dir|oci-layout|ocidir|docker-archive|oci-archive|docker-daemon|containers-storage):(?!\d+(?:\/|$))(.*)/.exec(text) ?? []
  if (transport !== undefined) refuse(text, option, `unsupported transport ${transport}`, transportHint(transport, path, option))
  const [, scheme, rest = ''] = /^(https?):\/(?!\/)(.*)/i.exec(text) ?? []
  if (scheme !== undefined && !rest.includes('@')) refuse(text, option, `expected ${scheme}:// before the host`, `pass ${scheme}://${rest}`)
}

/** What to pass in place of a transport of skopeo, oras or regctl. */
function transportHint(transport: string, path: string, option: EndpointOption | undefined): string | undefined {
  if (/^oci-?(?:layout|dir)$|^dir$/.test(transport)) return `pass oci:${path} for an OCI layout`
  if (!transport.endsWith('-archive')) return option && forms[option]
  return option === 'options.from' ? `run bundle push ${path} to read an archive` : `run bundle create ${path} to write an archive`
}

/** K3s' rule for an endpoint without a scheme: http for a loopback host with a port that is not 443, else https. */
function schemeFor(authority: string): 'http' | 'https' {
  const [, host = '', port] = /^(.*?)(?::([0-9]+))?$/.exec(authority) ?? []
  return isLoopback(host) && port !== undefined && port !== '443' ? 'http' : 'https'
}

function malformed(authority: string): string {
  const [, port] = /^[^:]+:(\d+)$/.exec(authority) ?? []
  return Number(port) > 65_535 ? `port ${port} is greater than 65535` : 'the host is malformed'
}

/** Reads `[http://|https://]host[:port][/prefix]`, which `option` was given; throws USAGE. A leading `/v2` of the prefix is the API itself and left out. */
export function parseEndpoint(text: string, option?: EndpointOption): Endpoint {
  refuseOtherForms(text, option)
  const [, scheme, rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/i.exec(text) ?? []
  const [authority = '', ...segments] = rest.replace(/(?<!\/)\/+$/, '').split('/')
  if (authority.includes('@')) refuse(text, option, 'it contains credentials', option && logins[option])
  if (scheme !== undefined && !/^https?$/i.test(scheme))
    refuse(text, option, `unsupported scheme ${scheme}`, scheme === 'docker' ? `pass ${rest} without a scheme` : undefined)
  if (!isRegistry(authority)) refuse(text, option, authority === '' ? 'the host is missing' : malformed(authority))
  const path = (segments[0] === 'v2' ? segments.slice(1) : segments).join('/')
  if (path !== '' && !isRepositoryPath(path)) refusePath(text, option, `${scheme === undefined ? '' : `${scheme}://`}${authority}`, path)
  const origin = new URL(`${scheme?.toLowerCase() ?? schemeFor(authority)}://${authority}`)
  return { origin, prefix: path === '' ? '' : `${path}/` }
}

/** Refuses a prefix that is not the beginning of a repository name. */
function refusePath(text: string, option: EndpointOption | undefined, origin: string, path: string): never {
  const lower = path.toLowerCase()
  if (isRepositoryPath(lower)) refuse(text, option, 'repository names are lower case', `pass ${origin}/${lower}`)
  const [untagged = ''] = path.split(/[:@]/)
  if (isRepositoryPath(untagged)) refuse(text, option, 'a prefix has no tag and no digest', `pass ${origin}/${untagged}`)
  refuse(text, option, 'the path is not the beginning of a repository name')
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
