import { quoted } from '../../text/printable.ts'
import { wildcardHost } from '../hosts/host-table.ts'
import { embeddedAddressOf, type K3sFlags } from '../hosts/k3s-flags.ts'
import { nearness } from '../hosts/near-host.ts'
import { tryNormaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import type { Registries } from '../registries.ts'
import { shown } from '../shown-text.ts'
import type { ResolvedEndpoint, ResolvedReference } from './resolve-reference.ts'

/** Notes about the endpoints of an image: about the reference as a whole, and about each endpoint. */
export interface Explanation {
  readonly notes: readonly string[]
  readonly endpoints: readonly (readonly string[])[]
}

function shownKeys(keys: readonly string[]): string {
  return keys.map(shown).join(', ')
}

/** The `host[:port]` that a key probably means, without scheme and path. */
function hostOf(key: string): string {
  const host = tryNormaliseEndpoint(key)?.host ?? key
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host
}

/** Keys that are similar to this host. */
function nearKeys(keys: Iterable<string>, host: string): readonly string[] {
  return [...keys].filter((key) => key !== host && (hostOf(key) === hostOf(host) || nearness(hostOf(key), hostOf(host)) !== undefined))
}

function explainHosts({ registry, hostsKey, isBroken }: ResolvedReference, { mirrors }: Registries): string[] {
  if (isBroken) {
    return [
      `K3s writes an invalid hosts.toml for ${shown(hostsKey ?? registry)}, because it does not escape rewrites and URLs: containerd ignores all its endpoints`,
    ]
  }
  if (hostsKey === wildcardHost) return [`the mirror "*" applies, because ${registry} has no mirror of its own`]
  if (hostsKey !== undefined) return []
  const near = nearKeys(mirrors.keys(), registry)
  const other = near.length === 0 ? '' : `; ${shownKeys(near)} does not match, because K3s looks up exactly ${shown(registry)}`
  const own = mirrors.get(registry)
  if (own !== undefined) return [`the mirror ${shown(registry)} has no usable endpoint, so nodes use the registry itself`]
  return [`no mirror is configured for ${registry} or "*", so nodes use the registry itself${other}`]
}

function explainDefault(
  { isDefault }: ResolvedEndpoint,
  { registry }: ResolvedReference,
  { configs }: Registries,
  flags: K3sFlags,
): string[] {
  if (!isDefault) return []
  if (flags.disableDefaultEndpoint !== true)
    return ['the registry itself, used if every endpoint above fails; --disable-default-registry-endpoint of K3s removes it']
  return configs.has(registry)
    ? [`the registry itself, despite --disable-default-registry-endpoint, because ${shown(registry)} is also a key of configs`]
    : []
}

/** The keys with one kind of settings, and those of them that are similar to an endpoint. */
type KeysWith = (settings: 'auth' | 'tls') => readonly [set: readonly string[], near: readonly string[]]

function explainCredentials({ host, credentials }: ResolvedEndpoint, { configs }: Registries, keysWith: KeysWith): string[] {
  if (credentials.isInvalid)
    return [`configs.${shown(credentials.key ?? host)}.auth.auth is not the base64 of username:password: the pull fails`]
  if (credentials.credentials !== undefined) return []
  const [withAuth, near] = keysWith('auth')
  if (withAuth.includes(host)) return [`anonymous: the auth under ${shown(host)} contains no complete credentials`]
  if (configs.has(host)) return []
  if (near.length > 0) return [`anonymous: the credentials are under ${shownKeys(near)}, but containerd looks up exactly ${shown(host)}`]
  return withAuth.includes('*') ? [`anonymous: containerd never uses credentials under "*", it looks up exactly ${shown(host)}`] : []
}

/** The tag that the embedded registry shares only if an environment variable says so. A digest is shared. */
function explainPeers({ host }: ResolvedEndpoint, { reference }: ResolvedReference, flags: K3sFlags): string[] {
  if (host !== embeddedAddressOf(flags) || !reference.endsWith(':latest')) return []
  const variable = `${(flags.product ?? 'k3s').toUpperCase()}_P2P_ENABLE_LATEST`
  return [`peers do not share the tag latest, unless the nodes run with ${variable}=true`]
}

function explainTls({ host, scheme, tls, tlsKey, isDefault }: ResolvedEndpoint, keysWith: KeysWith): string[] {
  if (tls.triesHttpsFirst) return ['containerd tries https first, because of the TLS settings, and falls back to http']
  if (scheme !== 'https' || tlsKey !== undefined || tls.skipVerify) return []
  const [withTls, near] = keysWith('tls')
  const verified = "verified only with the system's CAs:"
  if (near.length > 0) return [`${verified} tls is under ${shownKeys(near)}, but K3s looks up exactly ${shown(host)}`]
  return withTls.includes('*') && !isDefault ? [`${verified} the tls under "*" does not apply to endpoints of mirrors`] : []
}

function* explainRewrite({ rewrite, repository }: ResolvedEndpoint): Iterable<string> {
  const { pattern, alternatives, invalid, missed } = rewrite
  if (alternatives.length > 0)
    yield `several patterns match, and containerd picks one at random: the repository can also become ${shownKeys(alternatives)}`
  if (invalid.length > 0) yield `containerd ignores invalid patterns: ${invalid.map(quoted).join(', ')}`
  if (missed.length > 0) yield `no rewrite matches ${quoted(repository)}: ${missed.map(quoted).join(', ')}`
  if (pattern !== undefined && alternatives.length === 0) yield `renamed by the rewrite ${quoted(pattern)}`
}

/** Explains the endpoints of an image, and their credentials, CAs and rewrites. */
export function explainResolution(resolved: ResolvedReference, registries: Registries, flags: K3sFlags = {}): Explanation {
  const hasMirrors = resolved.endpoints.some(({ isDefault }) => !isDefault)
  const hosts = new Set(resolved.endpoints.map(({ host }) => host))
  return {
    notes: explainHosts(resolved, registries),
    endpoints: resolved.endpoints.map((endpoint) => {
      const keysWith: KeysWith = (settings) => {
        const set = [...registries.configs].filter(([, config]) => config[settings] !== undefined).map(([key]) => key)
        // Settings under the key of another endpoint in the list apply to that one, except Docker Hub's own at its other name.
        return [set, nearKeys(set, endpoint.host).filter((key) => !hosts.has(key) || hostOf(key) === 'docker.io')]
      }
      return [
        ...(hasMirrors ? explainDefault(endpoint, resolved, registries, flags) : []),
        ...(endpoint.host === '' ? ['the endpoint has no host, so nodes cannot use it'] : []),
        ...explainPeers(endpoint, resolved, flags),
        ...explainRewrite(endpoint),
        ...explainCredentials(endpoint, registries, keysWith),
        ...explainTls(endpoint, keysWith),
      ]
    }),
  }
}
