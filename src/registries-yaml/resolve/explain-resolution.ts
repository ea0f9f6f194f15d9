import { quoted } from '../../text/printable.ts'
import { wildcardHost, type K3sFlags } from '../hosts/host-table.ts'
import { nearness } from '../hosts/near-host.ts'
import { tryNormaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import type { Registries } from '../registries.ts'
import { shown } from '../shown-text.ts'
import type { ResolvedEndpoint, ResolvedReference } from './resolve-reference.ts'

/** Why an image is looked for where it is: sentences for the reference as a whole, and for each endpoint. */
export interface Explanation {
  readonly notes: readonly string[]
  readonly endpoints: readonly (readonly string[])[]
}

function shownKeys(keys: readonly string[]): string {
  return keys.map(shown).join(', ')
}

/** What a key was probably meant for: `host[:port]` without scheme and path. */
function hostOf(key: string): string {
  const host = tryNormaliseEndpoint(key)?.host ?? key
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host
}

/** Keys that are not this host and may have been meant for it. */
function nearKeys(keys: Iterable<string>, host: string): readonly string[] {
  return [...keys].filter((key) => key !== host && (hostOf(key) === hostOf(host) || nearness(hostOf(key), hostOf(host)) !== undefined))
}

function explainHosts({ registry, hostsKey, isBroken }: ResolvedReference, { mirrors }: Registries): string[] {
  if (isBroken) {
    return [
      `the hosts.toml for ${shown(hostsKey ?? registry)} is no valid TOML, because K3s writes rewrites and URLs as they are: containerd passes over it and over all its endpoints`,
    ]
  }
  if (hostsKey === wildcardHost) return [`${registry} has no mirror of its own, so the one for "*" applies`]
  if (hostsKey !== undefined) return []
  const near = nearKeys(mirrors.keys(), registry)
  const other =
    near.length === 0
      ? ''
      : `; ${shownKeys(near)} ${near.length === 1 ? 'is another key' : 'are other keys'} than ${shown(registry)}, which is what K3s looks for`
  const own = mirrors.get(registry)
  if (own !== undefined) return [`the mirror for ${registry} has no endpoint that can be used, so the registry itself is asked`]
  return [`no mirror is configured for ${registry}, and none for "*", so the registry itself is asked${other}`]
}

function explainDefault(
  { isDefault }: ResolvedEndpoint,
  { registry }: ResolvedReference,
  { configs }: Registries,
  flags: K3sFlags,
): string[] {
  if (!isDefault) return []
  if (flags.disableDefaultEndpoint !== true)
    return [`the registry itself, asked when every endpoint above has failed; --disable-default-registry-endpoint of K3s takes it away`]
  return configs.has(registry)
    ? [`the registry itself, which stays in spite of --disable-default-registry-endpoint, because ${shown(registry)} is a key of configs`]
    : []
}

/** The keys with settings of a kind, and those of them that may have been meant for an endpoint. */
type KeysWith = (settings: 'auth' | 'tls') => readonly [set: readonly string[], near: readonly string[]]

function explainCredentials({ host, credentials }: ResolvedEndpoint, { configs }: Registries, keysWith: KeysWith): string[] {
  if (credentials.isInvalid)
    return [`configs.${shown(credentials.key ?? host)}.auth.auth is not the base64 of user:password: the pull fails`]
  if (credentials.credentials !== undefined) return []
  const [withAuth, near] = keysWith('auth')
  if (withAuth.includes(host))
    return [`anonymous: the auth under ${shown(host)} has no username with a password, no identity token and no auth`]
  if (configs.has(host)) return []
  if (near.length > 0) return [`anonymous: credentials stand under ${shownKeys(near)}, and containerd looks for exactly ${shown(host)}`]
  return withAuth.includes('*') ? [`anonymous: the credentials under "*" are never used, containerd looks for exactly ${shown(host)}`] : []
}

function explainTls({ host, scheme, tls, tlsKey, isDefault }: ResolvedEndpoint, keysWith: KeysWith): string[] {
  if (tls.triesHttpsFirst) return [`asked by https first, because there are TLS settings for it, and by http if that fails`]
  if (scheme !== 'https' || tlsKey !== undefined || tls.skipVerify) return []
  const [withTls, near] = keysWith('tls')
  const verified = "verified with the system's authorities alone:"
  if (near.length > 0) return [`${verified} tls stands under ${shownKeys(near)}, and K3s looks for exactly ${shown(host)}`]
  return withTls.includes('*') && !isDefault ? [`${verified} the tls under "*" is for no endpoint of a mirror`] : []
}

function* explainRewrite({ rewrite, repository }: ResolvedEndpoint): Iterable<string> {
  const { pattern, alternatives, invalid, missed } = rewrite
  if (alternatives.length > 0)
    yield `several patterns match and K3s tries them in random order: the repository may also become ${shownKeys(alternatives)}`
  if (invalid.length > 0) yield `no regular expression of Go's syntax, passed over: ${invalid.map(quoted).join(', ')}`
  if (missed.length > 0) yield `asked under its own name: no rewrite changes ${quoted(repository)}: ${missed.map(quoted).join(', ')}`
  if (pattern !== undefined && alternatives.length === 0) yield `renamed by the rewrite ${quoted(pattern)}`
}

/** Answers why a node asks these endpoints, why anonymously, and why with these authorities. */
export function explainResolution(resolved: ResolvedReference, registries: Registries, flags: K3sFlags = {}): Explanation {
  const hasMirrors = resolved.endpoints.some(({ isDefault }) => !isDefault)
  const hosts = new Set(resolved.endpoints.map(({ host }) => host))
  return {
    notes: explainHosts(resolved, registries),
    endpoints: resolved.endpoints.map((endpoint) => {
      const keysWith: KeysWith = (settings) => {
        const set = [...registries.configs].filter(([, config]) => config[settings] !== undefined).map(([key]) => key)
        // Settings under the key of another endpoint of the list are for that one.
        return [set, nearKeys(set, endpoint.host).filter((key) => !hosts.has(key))]
      }
      return [
        ...(hasMirrors ? explainDefault(endpoint, resolved, registries, flags) : []),
        ...(endpoint.host === '' ? ['it names no host: nothing can be pulled from it'] : []),
        ...explainRewrite(endpoint),
        ...explainCredentials(endpoint, registries, keysWith),
        ...explainTls(endpoint, keysWith),
      ]
    }),
  }
}
