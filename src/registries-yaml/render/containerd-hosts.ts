import { GoUrlError, formatGoUrl, parseGoUrl, type GoUrl } from '../go/go-url.ts'
import type { FoundConfig, HostEndpoint, HostEntry } from '../hosts/host-table.ts'
import type { ConfigVersion } from './config-toml.ts'
import { rewriteEffect } from './prefix-rewrite.ts'
import { ownHeader, quotedPatterns } from './rendered.ts'
import { isUnreadableKey, writeToml, type TomlTable, type TomlValue } from './write-toml.ts'

/** A hosts.toml, and what it cannot say. */
export interface ContainerdHosts {
  readonly text: string
  /** Sentences without their subject, which is the registry. */
  readonly notes: readonly string[]
}

interface StockEndpoint {
  readonly url: string
  readonly settings: readonly (readonly [string, TomlValue])[]
}

function parseHttp(url: string): GoUrl | undefined {
  try {
    const parsed = parseGoUrl(url)
    return /^https?$/.test(parsed.scheme) && parsed.host !== '' && parsed.opaque === '' ? parsed : undefined
  } catch (error) {
    if (error instanceof GoUrlError) return undefined
    throw error
  }
}

function tlsSettings({ config }: FoundConfig): readonly (readonly [string, TomlValue])[] {
  if (config.tls === undefined) return []
  const { caFile, certFile, keyFile, insecureSkipVerify } = config.tls
  return [
    ...(caFile === '' ? [] : [['ca', [caFile]] as const]),
    // A file alone holds both; containerd would take an empty path for its own directory, and fail.
    ...(certFile === '' ? [] : [['client', keyFile === '' ? [certFile] : [[certFile, keyFile]]] as const]),
    ...(insecureSkipVerify ? [['skip_verify', true] as const] : []),
  ]
}

function endpointSettings(overridePath: boolean, found: FoundConfig): readonly (readonly [string, TomlValue])[] {
  return [['capabilities', ['pull', 'resolve']], ...(overridePath ? [['override_path', true] as const] : []), ...tlsSettings(found)]
}

function inexpressible(patterns: readonly string[]): string {
  const [what, why] =
    patterns.length > 1
      ? ['the rewrites of', 'several of them are no single path before every name']
      : ['the rewrite of', 'the path of an endpoint stands unchanged before every name']
  return `${what} ${quotedPatterns(patterns)} cannot be expressed: this containerd has no rewrites, and ${why}; the endpoints are asked for the names as they are`
}

/** Endpoints without rewrites, each URL once. */
function stockEndpoints(endpoints: readonly HostEndpoint[], notes: Set<string>): StockEndpoint[] {
  const made = new Map<string, StockEndpoint>()
  for (const { url, overridePath, found, rewrites } of endpoints) {
    const parsed = parseHttp(url)
    if (parsed === undefined) {
      notes.add('an endpoint that is no http or https URL with a host is left out: no containerd can ask it')
      continue
    }
    const { prefix, patterns, invalid } = rewriteEffect(rewrites)
    if (prefix === undefined) notes.add(inexpressible(patterns))
    if (invalid.length > 0)
      notes.add(
        `no rewrite is made of ${quotedPatterns(invalid)}: it is no regular expression of Go, and the containerd of K3s makes none of it either`,
      )
    const isMoved = prefix !== undefined && prefix !== ''
    const target = isMoved ? formatGoUrl({ ...parsed, path: `${parsed.path.replace(/(?<!\/)\/+$/, '')}/${prefix}`, rawPath: '' }) : url
    if (!made.has(target)) made.set(target, { url: target, settings: endpointSettings(overridePath || isMoved, found) })
  }
  return [...made.values()]
}

function noteTls({ default: own, endpoints }: HostEntry, notes: Set<string>): void {
  for (const { config } of [...(own === undefined ? [] : [own.found]), ...endpoints.map(({ found }) => found)]) {
    if (config.tls?.certFile === '' && config.tls.keyFile !== '') notes.add('key_file is left out where cert_file is missing')
  }
}

/** The hosts.toml that makes a containerd without K3s' changes do what K3s' own does, as far as it can: https://github.com/containerd/containerd/blob/main/docs/hosts.md */
export function renderContainerdHosts(entry: HostEntry, version: ConfigVersion): ContainerdHosts {
  const notes = new Set<string>()
  noteTls(entry, notes)
  const endpoints = stockEndpoints(entry.endpoints, notes)
  const own = entry.default
  const top = new Map<string, TomlValue>()
  // Without a default, K3s' containerd asks its endpoints alone. Another one asks `server`, or the registry itself, after them.
  const last = own?.url === undefined ? endpoints.pop() : undefined
  if (last !== undefined) {
    notes.add(
      'this containerd always asks one host after the mirrors: the last endpoint stands in its place, so that nothing else is asked',
    )
    top.set('server', last.url)
    for (const [key, value] of last.settings) top.set(key, value)
  } else if (own !== undefined) {
    if (own.url !== undefined && parseHttp(own.url) !== undefined) {
      top.set('server', own.url)
      top.set('capabilities', ['pull', 'resolve', 'push'])
    }
    for (const [key, value] of tlsSettings(own.found)) top.set(key, value)
  }
  // It is required, even with nothing in it.
  top.set('host', new Map(endpoints.map(({ url, settings }): [string, TomlTable] => [url, new Map(settings)])))
  if (version === 2 && endpoints.some(({ url }) => isUnreadableKey(url))) notes.add('containerd 1 cannot read one of its URLs')
  return { text: `${ownHeader}\n${writeToml(top, version === 2 ? 'go-toml-1' : 'go-toml-2')}`, notes: [...notes] }
}
