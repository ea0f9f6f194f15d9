import { GoUrlError, tryGoUrl } from '../go/go-url.ts'
import { hasAnySettings, noConfig, type Mirror, type Registries, type RegistryConfig } from '../registries.ts'
import { embeddedAddressOf, nodePaths, type K3sFlags } from './k3s-flags.ts'
import { defaultHost, isLocalhost, normaliseEndpoint, type NormalisedEndpoint } from './normalise-endpoint.ts'

/** The settings of a host, and their key in `configs`; undefined for a host without settings. */
export interface FoundConfig {
  readonly key: string | undefined
  readonly config: RegistryConfig
}

/** One endpoint that a registry's images can be pulled from. */
export interface HostEndpoint {
  readonly url: string
  readonly overridePath: boolean
  readonly found: FoundConfig
  readonly rewrites: ReadonlyMap<string, string>
  /** Its index in the mirror's endpoints; undefined for a default endpoint that is not in the file. */
  readonly index: number | undefined
}

/** The registry itself, which nodes ask last. */
export interface DefaultEndpoint extends Omit<HostEndpoint, 'url'> {
  /** Empty for the registry in the image's name; undefined for `*` with settings and without a mirror, which has no `server` line. */
  readonly url: string | undefined
}

/** The endpoints of one registry. */
export interface HostEntry {
  /** Undefined if the flag removed it. */
  readonly default: DefaultEndpoint | undefined
  readonly endpoints: readonly HostEndpoint[]
}

/** An endpoint or a key that K3s ignores with a line in its log. */
export interface IgnoredEntry {
  readonly kind: 'invalid-endpoint' | 'duplicate-endpoint' | 'invalid-host'
  /** The key of `mirrors` or `configs`. */
  readonly key: string
  /** The endpoint's index; undefined for the key itself. */
  readonly index: number | undefined
  readonly why: string
}

/** Every registry that K3s writes a hosts.toml for, by name, `_default` for all others. */
export interface HostTable {
  readonly hosts: ReadonlyMap<string, HostEntry>
  readonly ignored: readonly IgnoredEntry[]
}

/** The name of the entry for registries without an entry of their own. */
export const wildcardHost = '_default'

const noRewrites: ReadonlyMap<string, string> = new Map()
const nothingFound: FoundConfig = { key: undefined, config: noConfig }

/** The registries as a node uses them. With `--embedded-registry` every mirror except local ones gets the embedded registry as its first endpoint. */
export function withEmbeddedRegistry(given: Registries, flags: K3sFlags): Registries {
  const address = embeddedAddressOf(flags)
  if (address === undefined) return given
  const { mirrors, configs } = given
  const url = `https://${address}/v2`
  const embeddedConfig: RegistryConfig = { auth: undefined, tls: { ...nodePaths(flags).embeddedTls, insecureSkipVerify: false } }
  const added = [...mirrors].map(([name, mirror]): [string, Mirror] => [
    name,
    isLocalhost(name) ? mirror : { ...mirror, endpoints: [url, ...mirror.endpoints] },
  ])
  return {
    mirrors: new Map([...added, [address, { endpoints: [url], rewrites: new Map() }]]),
    configs: new Map([...configs, [address, embeddedConfig]]),
  }
}

/** The settings under exactly the key of a host; for Docker Hub also under `registry-1.docker.io`. */
export function configFor(configs: Registries['configs'], registry: string): FoundConfig {
  for (const key of new Set([defaultHost(registry), registry])) {
    const config = configs.get(key)
    if (config !== undefined) return { key, config }
  }
  return nothingFound
}

/** Derives the endpoints of every registry, as K3s does when an agent starts. */
export function buildHostTable(given: Registries, flags: K3sFlags = {}): HostTable {
  const embedded = embeddedAddressOf(flags)
  const { mirrors, configs } = withEmbeddedRegistry(given, flags)
  const ignored: IgnoredEntry[] = []
  const normalise = (text: string, subject: Omit<IgnoredEntry, 'why'>): NormalisedEndpoint | undefined => {
    const normalised = tryGoUrl(() => normaliseEndpoint(text, embedded))
    if (!(normalised instanceof GoUrlError)) return normalised
    ignored.push({ ...subject, why: normalised.message })
    return undefined
  }
  const ownEndpoint = (key: string, found: FoundConfig): DefaultEndpoint | undefined => {
    const own = normalise(key, { kind: 'invalid-host', key, index: undefined })
    // K3s keeps the path of a key, but sets override_path only for endpoints.
    return own && { url: key === '*' ? undefined : own.url, overridePath: false, found, rewrites: noRewrites, index: undefined }
  }
  const mirrorEntry = (name: string): HostEntry | undefined => {
    const own = ownEndpoint(name, configFor(configs, name))
    if (own === undefined) return undefined
    if (flags.disableDefaultEndpoint === true) return { default: undefined, endpoints: [] }
    // The wildcard stands for any registry, so its settings are unknown.
    return { default: name === '*' ? { ...own, url: '', found: nothingFound } : own, endpoints: [] }
  }
  const withEndpoints = (entry: HostEntry, key: string, mirror: Mirror): HostEntry => {
    const seen = new Set<string>()
    const endpoints = [...entry.endpoints]
    let own = entry.default
    // The endpoint that --embedded-registry adds.
    const added = embedded !== undefined && !isLocalhost(key) ? 1 : 0
    mirror.endpoints.forEach((text, at) => {
      const index = at < added ? undefined : at - added
      const endpoint = normalise(text, { kind: 'invalid-endpoint', key, index })
      if (endpoint === undefined) return
      const { registry, host, url, overridePath } = endpoint
      if (seen.has(url)) {
        ignored.push({ kind: 'duplicate-endpoint', key, index, why: 'duplicate of an earlier endpoint' })
        return
      }
      seen.add(url)
      // Without the flag the address of the embedded registry is empty, which K3s formats as ":".
      const rewrites = host === (embedded ?? ':') ? noRewrites : mirror.rewrites
      const made: HostEndpoint = { url, overridePath, found: configFor(configs, registry), rewrites, index }
      if (at === mirror.endpoints.length - 1 && (own?.url ?? '') === url) own = made
      else endpoints.push(made)
    })
    return { default: own, endpoints }
  }
  const hosts = new Map<string, HostEntry>()
  for (const [key, config] of configs) {
    const own = ownEndpoint(key, { key, config })
    if (own !== undefined) hosts.set(key === '*' ? wildcardHost : key, { default: own, endpoints: [] })
  }
  for (const [name, mirror] of mirrors) {
    // An entry from `configs` keeps its default endpoint despite the flag.
    const entry = hosts.get(name) ?? mirrorEntry(name)
    if (entry !== undefined) hosts.set(name === '*' ? wildcardHost : name, withEndpoints(entry, name, mirror))
  }
  for (const [name, { default: own, endpoints }] of hosts) {
    const hasSettings = own !== undefined && (own.overridePath || hasAnySettings(own.found.config) || own.rewrites.size > 0)
    if (endpoints.length === 0 && !hasSettings) hosts.delete(name)
  }
  return { hosts, ignored }
}
