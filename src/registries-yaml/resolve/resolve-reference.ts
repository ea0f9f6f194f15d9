import { posix } from 'node:path'
import { formatReference, type Reference } from '../../oci/reference.ts'
import type { K3sVersion } from '../../release/version.ts'
import { buildHostTable, withEmbeddedRegistry, wildcardHost, type HostEntry, type HostTable } from '../hosts/host-table.ts'
import type { K3sFlags } from '../hosts/k3s-flags.ts'
import { defaultHost, isLocalhost, normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import type { Registries } from '../registries.ts'
import { renderHostsToml } from '../render/hosts-toml.ts'
import { readHostsToml, type TomlHost } from './read-hosts-toml.ts'
import { resolveCredentials, type ResolvedCredentials } from './resolve-credentials.ts'
import { rewriteRepository, type RewrittenRepository } from './rewrite-repository.ts'

/** One endpoint that a node uses for an image. */
export interface ResolvedEndpoint {
  /** Scheme, host and path of the API, without the parts of the written URL that may be secret. */
  readonly url: string
  readonly scheme: string
  readonly host: string
  /** The path of the API, without a slash at its end. */
  readonly apiPath: string
  /** The repository's path after the rewrite. */
  readonly repository: string
  readonly rewrite: RewrittenRepository
  readonly isDefault: boolean
  /** True for the image's own registry, which a private mirror replaces. */
  readonly isUpstream: boolean
  readonly credentials: ResolvedCredentials
  /** The key of `configs` whose TLS applies. */
  readonly tlsKey: string | undefined
  /** TLS files, by their paths on a node. */
  readonly tls: Pick<TomlHost, 'ca' | 'client' | 'skipVerify'> & {
    /** True for an http endpoint with TLS settings and another port than 80, for which containerd tries https first. */
    readonly triesHttpsFirst: boolean
  }
  /** `?ns=` of every request; undefined at the registry itself. */
  readonly namespace: string | undefined
  /** The first request that a pull sends there. */
  readonly requestUrl: string
}

/** The endpoints that a node uses for an image. */
export interface ResolvedReference {
  readonly reference: string
  readonly registry: string
  /** The key of the hosts.toml in the host table; undefined for no hosts.toml. */
  readonly hostsKey: string | undefined
  /** The hosts.toml is invalid TOML: containerd ignores it with all its mirrors. */
  readonly isBroken: boolean
  readonly endpoints: readonly ResolvedEndpoint[]
}

/** A registries.yaml with its host table, to resolve many references. */
export interface Resolver {
  readonly table: HostTable
  resolve(reference: Reference): ResolvedReference
}

function findHost({ hosts }: HostTable, registry: string): readonly [key: string, entry: HostEntry] | undefined {
  const keys = [...hosts.keys()]
  const port = /^(.+):([^:]*)$/.exec(registry)
  for (const name of [...(port === null ? [] : [`${port[1]}_${port[2]}_`]), registry, wildcardHost]) {
    // As paths, `docker.io/` and `./docker.io` are `docker.io`; K3s writes the last one.
    const key = keys.findLast((candidate) => posix.join(candidate).replace(/\/$/, '') === name)
    const entry = key === undefined ? undefined : hosts.get(key)
    if (key !== undefined && entry !== undefined) return [key, entry]
  }
  return undefined
}

/** The endpoints that containerd reads from a hosts.toml; the registry itself if there are no endpoints, or if the last one has no host. */
function effectiveHosts(read: readonly TomlHost[] | undefined, registry: string): readonly TomlHost[] {
  const last = read?.at(-1)
  if (read !== undefined && last !== undefined && last.host !== '') return read
  const { url, host } = normaliseEndpoint(registry)
  const { ca = [], client = [], isDefault = true } = last ?? {}
  const own: TomlHost = {
    scheme: url.startsWith('http:') ? 'http' : 'https',
    host,
    path: '/v2',
    isDefault,
    rewrites: new Map(),
    ca,
    client,
    // containerd does not verify certificates of localhost.
    skipVerify: last?.skipVerify === true || isLocalhost(registry),
  }
  return [...(read ?? []).slice(0, -1), own]
}

/** Creates a resolver for the images of a node with this registries.yaml. */
export function createResolver(
  given: Registries,
  { version, ...flags }: K3sFlags & { readonly version?: K3sVersion | undefined } = {},
): Resolver {
  const table = buildHostTable(given, flags)
  const { configs } = withEmbeddedRegistry(given, flags)
  const resolveEndpoint = (
    { scheme, host, path, isDefault, rewrites, ca, client, skipVerify }: TomlHost,
    reference: Reference,
    settingsKey: string | undefined,
    isPrivate: boolean,
  ): ResolvedEndpoint => {
    const rewrite = rewriteRepository(reference.path, rewrites)
    const object = reference.digest ?? reference.tag ?? 'latest'
    const isRegistryItself = host === reference.registry || host === defaultHost(reference.registry)
    const namespace = isRegistryItself ? undefined : reference.registry
    const query = namespace === undefined ? '' : `?ns=${encodeURIComponent(namespace)}`
    const hasTls = ca.length > 0 || client.length > 0 || skipVerify
    return {
      url: `${scheme}://${host}${path}`,
      scheme,
      host,
      apiPath: path,
      repository: rewrite.path,
      rewrite,
      isDefault,
      isUpstream: namespace === undefined && !isPrivate,
      credentials: resolveCredentials(configs, host, version),
      tlsKey: hasTls ? settingsKey : undefined,
      tls: { ca, client, skipVerify, triesHttpsFirst: scheme === 'http' && hasTls && /:(?!80$)[0-9]+$/.test(host) },
      namespace,
      requestUrl: `${scheme}://${host}${posix.join('/', path, rewrite.path, 'manifests', object)}${query}`,
    }
  }
  return {
    table,
    resolve: (reference) => {
      const { registry } = reference
      const [hostsKey, entry] = findHost(table, registry) ?? []
      const read = entry && readHostsToml(renderHostsToml(entry))
      const hosts = effectiveHosts(read, registry)
      // A registry with settings and without a mirror is private, and is not an upstream.
      const isPrivate = registry !== 'docker.io' && hosts.every(({ isDefault }) => isDefault) && configs.has(registry)
      return {
        reference: formatReference(reference),
        registry,
        hostsKey,
        isBroken: entry !== undefined && read === undefined,
        endpoints: hosts.map((host, index) => {
          const written = host.isDefault ? entry?.default : entry?.endpoints[index]
          return resolveEndpoint(host, reference, read && written?.found.key, isPrivate)
        }),
      }
    },
  }
}
