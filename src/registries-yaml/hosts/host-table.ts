import { GoUrlError, tryGoUrl } from '../go/go-url.ts'
import { hasAnySettings, noConfig, type Mirror, type Registries, type RegistryConfig } from '../registries.ts'
import { defaultHost, embeddedRegistry, isLocalhost, normaliseEndpoint, type NormalisedEndpoint } from './normalise-endpoint.ts'

/** The flags of K3s that change what becomes of a registries.yaml. */
export interface K3sFlags {
  /** `--disable-default-registry-endpoint` */
  readonly disableDefaultEndpoint?: boolean | undefined
  /** `--embedded-registry` */
  readonly embeddedRegistry?: boolean | undefined
}

/** The settings of a host, with the key of `configs` that they stand under; no key where nothing is configured. */
export interface FoundConfig {
  readonly key: string | undefined
  readonly config: RegistryConfig
}

/** One place that a registry's images may be pulled from. */
export interface HostEndpoint {
  readonly url: string
  readonly overridePath: boolean
  readonly found: FoundConfig
  readonly rewrites: ReadonlyMap<string, string>
  /** The mirror's endpoint that it was made of, counted from 0; undefined for a default endpoint that nobody wrote. */
  readonly index: number | undefined
}

/** The registry itself, asked last. */
export interface DefaultEndpoint extends Omit<HostEndpoint, 'url'> {
  /** Empty for the registry that the image names; undefined where `*` has settings and no mirror, which gives no `server` line. */
  readonly url: string | undefined
}

/** Where the images of one registry come from. */
export interface HostEntry {
  /** Undefined where the flag has taken it away. */
  readonly default: DefaultEndpoint | undefined
  readonly endpoints: readonly HostEndpoint[]
}

/** What K3s logs and passes over. */
export interface PassedOver {
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
  readonly passedOver: readonly PassedOver[]
}

/** The name of the entry for registries that have none of their own. */
export const wildcardHost = '_default'

const noRewrites: ReadonlyMap<string, string> = new Map()
const nothingFound: FoundConfig = { key: undefined, config: noConfig }

// where a K3s agent keeps what nodes show each other
const embeddedConfig: RegistryConfig = {
  auth: undefined,
  tls: {
    caFile: '/var/lib/rancher/k3s/agent/server-ca.crt',
    certFile: '/var/lib/rancher/k3s/agent/client-k3s-controller.crt',
    keyFile: '/var/lib/rancher/k3s/agent/client-k3s-controller.key',
    insecureSkipVerify: false,
  },
}

/** The registries as `--embedded-registry` has them: every mirror but local ones gets the nodes' own registry as its first endpoint. */
export function withEmbeddedRegistry({ mirrors, configs }: Registries): Registries {
  const url = `https://${embeddedRegistry}/v2`
  const added = [...mirrors].map(([name, mirror]): [string, Mirror] => [
    name,
    isLocalhost(name) ? mirror : { ...mirror, endpoints: [url, ...mirror.endpoints] },
  ])
  return {
    mirrors: new Map([...added, [embeddedRegistry, { endpoints: [url], rewrites: new Map() }]]),
    configs: new Map([...configs, [embeddedRegistry, embeddedConfig]]),
  }
}

/** The settings for a host: exactly its own key, but Docker Hub's may stand under the host that answers for it. */
export function configFor(configs: Registries['configs'], registry: string): FoundConfig {
  for (const key of new Set([defaultHost(registry), registry])) {
    const config = configs.get(key)
    if (config !== undefined) return { key, config }
  }
  return nothingFound
}

/** Works out, as K3s does when an agent starts, which endpoints every registry gets. */
export function buildHostTable(given: Registries, flags: K3sFlags = {}): HostTable {
  const isEmbedded = flags.embeddedRegistry === true
  const { mirrors, configs } = isEmbedded ? withEmbeddedRegistry(given) : given
  const passedOver: PassedOver[] = []
  const normalise = (text: string, subject: Omit<PassedOver, 'why'>): NormalisedEndpoint | undefined => {
    const normalised = tryGoUrl(() => normaliseEndpoint(text, isEmbedded))
    if (!(normalised instanceof GoUrlError)) return normalised
    passedOver.push({ ...subject, why: normalised.message })
    return undefined
  }
  const ownEndpoint = (key: string, found: FoundConfig): DefaultEndpoint | undefined => {
    const own = normalise(key, { kind: 'invalid-host', key, index: undefined })
    // The path of a key is kept, but K3s looks at it no further: override_path is for endpoints.
    return own && { url: key === '*' ? undefined : own.url, overridePath: false, found, rewrites: noRewrites, index: undefined }
  }
  const mirrorEntry = (name: string): HostEntry | undefined => {
    const own = ownEndpoint(name, configFor(configs, name))
    if (own === undefined) return undefined
    if (flags.disableDefaultEndpoint === true) return { default: undefined, endpoints: [] }
    // For the wildcard the registry is whatever the image names, and no settings are known for it.
    return { default: name === '*' ? { ...own, url: '', found: nothingFound } : own, endpoints: [] }
  }
  const withEndpoints = (entry: HostEntry, key: string, mirror: Mirror): HostEntry => {
    const seen = new Set<string>()
    const endpoints = [...entry.endpoints]
    let own = entry.default
    // what --embedded-registry has put before those of the file
    const added = isEmbedded && !isLocalhost(key) ? 1 : 0
    mirror.endpoints.forEach((text, at) => {
      const index = at < added ? undefined : at - added
      const endpoint = normalise(text, { kind: 'invalid-endpoint', key, index })
      if (endpoint === undefined) return
      const { registry, host, url, overridePath } = endpoint
      if (seen.has(url)) {
        passedOver.push({ kind: 'duplicate-endpoint', key, index, why: 'the same URL is an endpoint already' })
        return
      }
      seen.add(url)
      // Without the flag K3s' own address is empty, which reads ":".
      const rewrites = host === (isEmbedded ? embeddedRegistry : ':') ? noRewrites : mirror.rewrites
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
    // An entry made of `configs` keeps its default endpoint, whatever the flag says.
    const entry = hosts.get(name) ?? mirrorEntry(name)
    if (entry !== undefined) hosts.set(name === '*' ? wildcardHost : name, withEndpoints(entry, name, mirror))
  }
  for (const [name, { default: own, endpoints }] of hosts) {
    const hasSettings = own !== undefined && (own.overridePath || hasAnySettings(own.found.config) || own.rewrites.size > 0)
    if (endpoints.length === 0 && !hasSettings) hosts.delete(name)
  }
  return { hosts, passedOver }
}
