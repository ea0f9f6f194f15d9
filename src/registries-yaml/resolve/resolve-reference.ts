import { posix } from 'node:path'
import { formatReference, type Reference } from '../../oci/reference.ts'
import type { K3sVersion } from '../../release/version.ts'
import {
  buildHostTable,
  withEmbeddedRegistry,
  wildcardHost,
  type DefaultEndpoint,
  type HostEntry,
  type HostTable,
  type K3sFlags,
} from '../hosts/host-table.ts'
import { defaultHost, isLocalhost, normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import type { Registries } from '../registries.ts'
import { renderHostsToml } from '../render/hosts-toml.ts'
import { readHostsToml, type TomlHost } from './read-hosts-toml.ts'
import { resolveCredentials, type ResolvedCredentials } from './resolve-credentials.ts'
import { rewriteRepository, type RewrittenRepository } from './rewrite-repository.ts'

/** TLS of one endpoint: files by name, as a node finds them. */
export interface ResolvedTls {
  readonly ca: readonly string[]
  readonly client: readonly (readonly [certificate: string, key: string])[]
  readonly skipVerify: boolean
  /** The endpoint is http, but its TLS settings and a port that is not 80 make containerd try https first. */
  readonly triesHttpsFirst: boolean
}

/** One endpoint that a node asks for an image. */
export interface ResolvedEndpoint {
  /** Scheme, host and path of the API: what of the written URL is asked, and nothing of it that may be a secret. */
  readonly url: string
  readonly scheme: string
  readonly host: string
  /** The path of the API there, without a slash at its end. */
  readonly apiPath: string
  /** The repository's path after the rewrite. */
  readonly repository: string
  readonly rewrite: RewrittenRepository
  readonly isDefault: boolean
  /** The image's own registry, which a private mirror is to stand in for. */
  readonly isUpstream: boolean
  readonly credentials: ResolvedCredentials
  /** The key of `configs` whose TLS applies. */
  readonly tlsKey: string | undefined
  readonly tls: ResolvedTls
  /** `?ns=` of every request; undefined at the registry itself. */
  readonly namespace: string | undefined
  /** The first request that a pull sends there. */
  readonly requestUrl: string
}

/** Where a node looks for an image. */
export interface ResolvedReference {
  readonly reference: string
  readonly registry: string
  /** The key of the host table whose hosts.toml is read; undefined where there is none. */
  readonly hostsKey: string | undefined
  /** The hosts.toml is no valid TOML: containerd passes over it, and over every mirror in it. */
  readonly isBroken: boolean
  readonly endpoints: readonly ResolvedEndpoint[]
}

/** A registries.yaml with what K3s makes of it, to resolve many references by. */
export interface Resolver {
  readonly table: HostTable
  resolve(reference: Reference): ResolvedReference
}

/** The names under which containerd looks for a registry's directory: `host_port_`, `host:port`, `_default`. */
function directoryNames(registry: string): readonly string[] {
  const port = /^(.+):([^:]*)$/.exec(registry)
  return [...(port === null ? [] : [`${port[1]}_${port[2]}_`]), registry, wildcardHost]
}

function findHost({ hosts }: HostTable, registry: string): readonly [key: string, entry: HostEntry] | undefined {
  const keys = [...hosts.keys()]
  for (const name of directoryNames(registry)) {
    // A key becomes a path, in which `docker.io/` and `./docker.io` are `docker.io`; the last that is written counts.
    const key = keys.findLast((candidate) => posix.join(candidate).replace(/\/$/, '') === name)
    const entry = key === undefined ? undefined : hosts.get(key)
    if (key !== undefined && entry !== undefined) return [key, entry]
  }
  return undefined
}

/** The registry itself, which is asked where nothing says otherwise: on localhost its certificate is not verified. */
function ownHost(registry: string): TomlHost {
  const { url, host } = normaliseEndpoint(registry)
  return {
    scheme: url.startsWith('http:') ? 'http' : 'https',
    host,
    path: '/v2',
    isDefault: true,
    rewrites: new Map(),
    ca: [],
    client: [],
    skipVerify: isLocalhost(registry),
  }
}

/** The endpoints that containerd takes from a hosts.toml; the registry itself stands in for none, and for one without a host at the end. */
function effectiveHosts(read: readonly TomlHost[] | undefined, registry: string): readonly TomlHost[] {
  const last = read?.at(-1)
  if (read === undefined || last === undefined) return [ownHost(registry)]
  if (last.host !== '') return read
  const own = ownHost(registry)
  return [
    ...read.slice(0, -1),
    { ...own, ca: last.ca, client: last.client, skipVerify: last.skipVerify || own.skipVerify, isDefault: last.isDefault },
  ]
}

function isProxy(host: string, registry: string): boolean {
  return host !== registry && !(registry === 'docker.io' && host === defaultHost(registry))
}

/** Prepares to say for any image which endpoints a node with this file asks, in which order and how. */
export function createResolver(
  given: Registries,
  { version, ...flags }: K3sFlags & { readonly version?: K3sVersion | undefined } = {},
): Resolver {
  const table = buildHostTable(given, flags)
  const { configs } = flags.embeddedRegistry === true ? withEmbeddedRegistry(given) : given
  const resolveEndpoint = (
    host: TomlHost,
    reference: Reference,
    written: DefaultEndpoint | undefined,
    isUpstream: boolean,
  ): ResolvedEndpoint => {
    const rewrite = rewriteRepository(reference.path, host.rewrites)
    const object = reference.digest ?? reference.tag ?? 'latest'
    const namespace = isProxy(host.host, reference.registry) ? reference.registry : undefined
    const query = namespace === undefined ? '' : `?ns=${encodeURIComponent(namespace)}`
    const hasTls = host.ca.length > 0 || host.client.length > 0 || host.skipVerify
    return {
      url: `${host.scheme}://${host.host}${host.path}`,
      scheme: host.scheme,
      host: host.host,
      apiPath: host.path,
      repository: rewrite.path,
      rewrite,
      isDefault: host.isDefault,
      isUpstream,
      credentials: resolveCredentials(configs, host.host, version),
      tlsKey: hasTls ? written?.found.key : undefined,
      tls: {
        ca: host.ca,
        client: host.client,
        skipVerify: host.skipVerify,
        triesHttpsFirst: host.scheme === 'http' && hasTls && /:(?!80$)[0-9]+$/.test(host.host),
      },
      namespace,
      requestUrl: `${host.scheme}://${host.host}${posix.join('/', host.path, rewrite.path, 'manifests', object)}${query}`,
    }
  }
  return {
    table,
    resolve: (reference) => {
      const { registry } = reference
      const found = findHost(table, registry)
      const read = found === undefined ? undefined : readHostsToml(renderHostsToml(found[1]))
      const hosts = effectiveHosts(read, registry)
      const hasMirror = hosts.some((host) => !host.isDefault)
      // A registry that has settings of its own and no mirror is a private one, and meant as it is named.
      const isPrivate = registry !== 'docker.io' && !hasMirror && configs.has(registry)
      return {
        reference: formatReference(reference),
        registry,
        hostsKey: found?.[0],
        isBroken: found !== undefined && read === undefined,
        endpoints: hosts.map((host, position) => {
          const entry = read === undefined ? undefined : found?.[1]
          const written = host.isDefault ? entry?.default : entry?.endpoints[position]
          return resolveEndpoint(host, reference, written, !isProxy(host.host, registry) && !isPrivate)
        }),
      }
    },
  }
}
