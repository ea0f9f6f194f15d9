import { posix } from 'node:path'
import { formatReference, type Reference } from '../../oci/reference.ts'
import type { K3sVersion } from '../../release/version.ts'
import { buildHostTable, withEmbeddedRegistry, wildcardHost, type HostEntry, type HostTable, type K3sFlags } from '../hosts/host-table.ts'
import { defaultHost, isLocalhost, normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import type { Registries } from '../registries.ts'
import { renderHostsToml } from '../render/hosts-toml.ts'
import { readHostsToml, type TomlHost } from './read-hosts-toml.ts'
import { resolveCredentials, type ResolvedCredentials } from './resolve-credentials.ts'
import { rewriteRepository, type RewrittenRepository } from './rewrite-repository.ts'

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
  /** Files by name, as a node finds them. */
  readonly tls: Pick<TomlHost, 'ca' | 'client' | 'skipVerify'> & {
    /** The endpoint is http, but its TLS settings and a port that is not 80 make containerd try https first. */
    readonly triesHttpsFirst: boolean
  }
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

function findHost({ hosts }: HostTable, registry: string): readonly [key: string, entry: HostEntry] | undefined {
  const keys = [...hosts.keys()]
  const port = /^(.+):([^:]*)$/.exec(registry)
  for (const name of [...(port === null ? [] : [`${port[1]}_${port[2]}_`]), registry, wildcardHost]) {
    // A key becomes a path, in which `docker.io/` and `./docker.io` are `docker.io`; the last that is written counts.
    const key = keys.findLast((candidate) => posix.join(candidate).replace(/\/$/, '') === name)
    const entry = key === undefined ? undefined : hosts.get(key)
    if (key !== undefined && entry !== undefined) return [key, entry]
  }
  return undefined
}

/** The endpoints that containerd takes from a hosts.toml; the registry itself stands in for none, and for one without a host at the end. */
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
    // on localhost its certificate is not verified
    skipVerify: last?.skipVerify === true || isLocalhost(registry),
  }
  return [...(read ?? []).slice(0, -1), own]
}

/** Prepares to say for any image which endpoints a node with this file asks, in which order and how. */
export function createResolver(
  given: Registries,
  { version, ...flags }: K3sFlags & { readonly version?: K3sVersion | undefined } = {},
): Resolver {
  const table = buildHostTable(given, flags)
  const { configs } = flags.embeddedRegistry === true ? withEmbeddedRegistry(given) : given
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
      // A registry that has settings of its own and no mirror is a private one, and meant as it is named.
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
