import { GoUrlError, formatGoUrl, parseGoUrl, tryGoUrl, type GoUrl } from '../go/go-url.ts'
import type { FoundConfig, HostEndpoint, HostEntry } from '../hosts/host-table.ts'
import { rewriteEffect } from './prefix-rewrite.ts'
import { ownHeader, quotedPatterns, type ConfigVersion } from './rendered.ts'
import { isUnreadableKey, tomlTable, writeToml, type TomlTable, type TomlValue } from './write-toml.ts'

function parseHttp(url: string): GoUrl | undefined {
  const parsed = tryGoUrl(() => parseGoUrl(url))
  if (parsed instanceof GoUrlError) return undefined
  return /^https?$/.test(parsed.scheme) && parsed.host !== '' && parsed.opaque === '' ? parsed : undefined
}

function tlsTable({ config }: FoundConfig): TomlTable {
  const { caFile = '', certFile = '', keyFile = '', insecureSkipVerify = false } = config.tls ?? {}
  return tomlTable([
    ['ca', caFile === '' ? undefined : [caFile]],
    // A file alone holds both; containerd would take an empty path for its own directory, and fail.
    ['client', certFile === '' ? undefined : keyFile === '' ? [certFile] : [[certFile, keyFile]]],
    ['skip_verify', insecureSkipVerify || undefined],
  ])
}

function inexpressible(patterns: readonly string[]): string {
  const [what, why] =
    patterns.length > 1
      ? ['the rewrites of', 'several of them are no single path before every name']
      : ['the rewrite of', 'the path of an endpoint stands unchanged before every name']
  return `${what} ${quotedPatterns(patterns)} cannot be expressed: this containerd has no rewrites, and ${why}; the endpoints are asked for the names as they are`
}

/** The settings of endpoints without rewrites, by URL. */
function stockEndpoints(endpoints: readonly HostEndpoint[], notes: Set<string>): Map<string, TomlTable> {
  const made = new Map<string, TomlTable>()
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
    if (made.has(target)) continue
    made.set(
      target,
      tomlTable([['capabilities', ['pull', 'resolve']], ['override_path', overridePath || isMoved || undefined], ...tlsTable(found)]),
    )
  }
  return made
}

/** The hosts.toml that makes a containerd without K3s' changes do what K3s' own does, as far as it can, and in notes without their subject what it cannot say: https://github.com/containerd/containerd/blob/main/docs/hosts.md */
export function renderContainerdHosts(
  entry: HostEntry,
  version: ConfigVersion,
): { readonly text: string; readonly notes: readonly string[] } {
  const { default: own, endpoints: given } = entry
  const notes = new Set<string>()
  if ([own, ...given].some((endpoint) => endpoint?.found.config.tls?.certFile === '' && endpoint.found.config.tls.keyFile !== ''))
    notes.add('key_file is left out where cert_file is missing')
  const endpoints = stockEndpoints(given, notes)
  const top = new Map<string, TomlValue>()
  // Without a default, K3s' containerd asks its endpoints alone. Another one asks `server`, or the registry itself, after them.
  const last = own?.url === undefined ? [...endpoints].at(-1) : undefined
  if (last !== undefined) {
    const [url, settings] = last
    endpoints.delete(url)
    notes.add(
      'this containerd always asks one host after the mirrors: the last endpoint stands in its place, so that nothing else is asked',
    )
    top.set('server', url)
    for (const [key, value] of settings) top.set(key, value)
  } else if (own !== undefined) {
    if (own.url !== undefined && parseHttp(own.url) !== undefined) {
      top.set('server', own.url)
      top.set('capabilities', ['pull', 'resolve', 'push'])
    }
    for (const [key, value] of tlsTable(own.found)) top.set(key, value)
  }
  // It is required, even with nothing in it.
  top.set('host', endpoints)
  if (version === 2 && [...endpoints.keys()].some(isUnreadableKey)) notes.add('containerd 1 cannot read one of its URLs')
  return { text: `${ownHeader}\n${writeToml(top, version === 2 ? 'go-toml-1' : 'go-toml-2')}`, notes: [...notes] }
}
