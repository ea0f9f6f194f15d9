import { GoUrlError } from '../go/go-url.ts'
import { noConfig, type Mirror, type Registries, type RegistryConfig } from '../registries.ts'
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
  return { key: undefined, config: noConfig }
}

const noRewrites: ReadonlyMap<string, string> = new Map()

/** What every step of the work needs. */
interface Draft {
  readonly registries: Registries
  readonly flags: K3sFlags
  readonly passedOver: PassedOver[]
}

/** Works out, as K3s does when an agent starts, which endpoints every registry gets. */
export function buildHostTable(given: Registries, flags: K3sFlags = {}): HostTable {
  const registries = flags.embeddedRegistry === true ? withEmbeddedRegistry(given) : given
  const hosts = new Map<string, HostEntry>()
  const draft: Draft = { registries, flags, passedOver: [] }
  for (const [key, config] of registries.configs) {
    const entry = ownEntry(key, { key, config }, draft)
    if (entry !== undefined) hosts.set(key === '*' ? wildcardHost : key, entry)
  }
  for (const [name, mirror] of registries.mirrors) {
    // An entry made of `configs` keeps its default endpoint, whatever the flag says.
    const entry = hosts.get(name) ?? mirrorEntry(name, draft)
    if (entry !== undefined) hosts.set(name === '*' ? wildcardHost : name, withEndpoints(entry, name, mirror, draft))
  }
  for (const [name, entry] of hosts) if (entry.endpoints.length === 0 && !hasSettings(entry.default)) hosts.delete(name)
  return { hosts, passedOver: draft.passedOver }
}

function normalise(text: string, { flags }: Draft, passOver: (why: string) => void): NormalisedEndpoint | undefined {
  try {
    return normaliseEndpoint(text, flags.embeddedRegistry)
  } catch (error) {
    if (!(error instanceof GoUrlError)) throw error
    passOver(error.message)
    return undefined
  }
}

function ownEntry(key: string, found: FoundConfig, draft: Draft): HostEntry | undefined {
  const own = normalise(key, draft, (why) => draft.passedOver.push({ kind: 'invalid-host', key, index: undefined, why }))
  if (own === undefined) return undefined
  const url = key === '*' ? undefined : own.url
  // The path of a key is kept, but K3s looks at it no further: override_path is for endpoints.
  return { default: { url, overridePath: false, found, rewrites: noRewrites, index: undefined }, endpoints: [] }
}

function mirrorEntry(name: string, draft: Draft): HostEntry | undefined {
  const entry = ownEntry(name, configFor(draft.registries.configs, name), draft)
  if (entry === undefined || entry.default === undefined) return entry
  if (draft.flags.disableDefaultEndpoint === true) return { ...entry, default: undefined }
  // For the wildcard the registry is whatever the image names, and no settings are known for it.
  return name === '*' ? { ...entry, default: { ...entry.default, url: '', found: { key: undefined, config: noConfig } } } : entry
}

function withEndpoints(entry: HostEntry, key: string, mirror: Mirror, draft: Draft): HostEntry {
  const { passedOver, flags, registries } = draft
  const seen = new Set<string>()
  const endpoints = [...entry.endpoints]
  let own = entry.default
  // what --embedded-registry has put before those of the file
  const added = flags.embeddedRegistry === true && !isLocalhost(key) ? 1 : 0
  mirror.endpoints.forEach((text, at) => {
    const index = at < added ? undefined : at - added
    const endpoint = normalise(text, draft, (why) => passedOver.push({ kind: 'invalid-endpoint', key, index, why }))
    if (endpoint === undefined) return
    const { registry, host, url, overridePath } = endpoint
    if (seen.has(url)) {
      passedOver.push({ kind: 'duplicate-endpoint', key, index, why: 'the same URL is an endpoint already' })
      return
    }
    seen.add(url)
    // Without the flag K3s' own address is empty, which reads ":".
    const isOwn = host === (flags.embeddedRegistry === true ? embeddedRegistry : ':')
    const rewrites = isOwn ? noRewrites : mirror.rewrites
    const made: HostEndpoint = { url, overridePath, found: configFor(registries.configs, registry), rewrites, index }
    if (at === mirror.endpoints.length - 1 && (own?.url ?? '') === url) own = made
    else endpoints.push(made)
  })
  return { default: own, endpoints }
}

function hasSettings(endpoint: DefaultEndpoint | undefined): boolean {
  if (endpoint === undefined) return false
  const { auth, tls } = endpoint.found.config
  return endpoint.overridePath || auth !== undefined || tls !== undefined || endpoint.rewrites.size > 0
}
