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
    // A single file contains both. containerd resolves an empty path to its own directory, and fails.
    ['client', certFile === '' ? undefined : keyFile === '' ? [certFile] : [[certFile, keyFile]]],
    ['skip_verify', insecureSkipVerify || undefined],
  ])
}

function inexpressible(patterns: readonly string[]): string {
  const what = patterns.length > 1 ? 'the rewrites' : 'the rewrite'
  return `${what} ${quotedPatterns(patterns)} cannot be converted to a path before every name, and stock containerd has no rewrites: it uses the original names`
}

/** The settings of endpoints without rewrites, by URL. */
function stockEndpoints(endpoints: readonly HostEndpoint[], notes: Set<string>): Map<string, TomlTable> {
  const made = new Map<string, TomlTable>()
  for (const { url, overridePath, found, rewrites } of endpoints) {
    const parsed = parseHttp(url)
    if (parsed === undefined) {
      notes.add('an endpoint is left out, because it is not an http or https URL with a host')
      continue
    }
    const { prefix, patterns, invalid } = rewriteEffect(rewrites)
    if (prefix === undefined) notes.add(inexpressible(patterns))
    if (invalid.length > 0)
      notes.add(`the rewrite ${quotedPatterns(invalid)} is left out: not a valid Go regular expression, which K3s' containerd ignores too`)
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

/** The hosts.toml for a stock containerd that comes closest to K3s' own, and notes about the differences: https://github.com/containerd/containerd/blob/main/docs/hosts.md */
export function renderContainerdHosts(
  entry: HostEntry,
  version: ConfigVersion,
): { readonly text: string; readonly notes: readonly string[] } {
  const { default: own, endpoints: given } = entry
  const notes = new Set<string>()
  if ([own, ...given].some((endpoint) => endpoint?.found.config.tls?.certFile === '' && endpoint.found.config.tls.keyFile !== ''))
    notes.add('key_file is left out, because cert_file is missing')
  const endpoints = stockEndpoints(given, notes)
  const top = new Map<string, TomlValue>()
  // Without a default, K3s' containerd asks only its endpoints. Stock containerd then asks `server`, or the registry itself.
  const last = own?.url === undefined ? [...endpoints].at(-1) : undefined
  if (last !== undefined) {
    const [url, settings] = last
    endpoints.delete(url)
    notes.add('the last endpoint becomes "server", because stock containerd would fall back to the registry itself otherwise')
    top.set('server', url)
    for (const [key, value] of settings) top.set(key, value)
  } else if (own !== undefined) {
    if (own.url !== undefined && parseHttp(own.url) !== undefined) {
      top.set('server', own.url)
      top.set('capabilities', ['pull', 'resolve', 'push'])
    }
    for (const [key, value] of tlsTable(own.found)) top.set(key, value)
  }
  // The table is required, even if it is empty.
  top.set('host', endpoints)
  if (version === 2 && [...endpoints.keys()].some(isUnreadableKey)) notes.add('containerd 1 cannot read one of the URLs')
  return { text: `${ownHeader}\n${writeToml(top, version === 2 ? 'go-toml-1' : 'go-toml-2')}`, notes: [...notes] }
}
