import { goQuote } from '../go/go-quote.ts'
import type { DefaultEndpoint, HostEndpoint, HostEntry } from '../hosts/host-table.ts'
import { generatedHeader, type K3sFlags } from '../hosts/k3s-flags.ts'
import { layOut } from './lay-out.ts'
import { byKey } from './rendered.ts'

function tlsLines({ found }: DefaultEndpoint): string[] {
  const { tls } = found.config
  if (tls === undefined) return []
  const { caFile, certFile, keyFile, insecureSkipVerify } = tls
  return [
    ...(caFile === '' ? [] : [`ca = [${goQuote(caFile)}]`]),
    ...(certFile === '' && keyFile === '' ? [] : [`client = [[${goQuote(certFile)}, ${goQuote(keyFile)}]]`]),
    ...(insecureSkipVerify ? ['skip_verify = true'] : []),
  ]
}

function defaultLines(endpoint: DefaultEndpoint): string[] {
  const server = endpoint.url === undefined ? [] : [`server = "${endpoint.url}"`, 'capabilities = ["pull", "resolve", "push"]']
  return [...server, ...tlsLines(endpoint)]
}

function hostLines(endpoint: HostEndpoint): string[] {
  const { url, overridePath, rewrites } = endpoint
  return [
    `[host."${url}"]`,
    '  capabilities = ["pull", "resolve"]',
    ...(overridePath ? ['  override_path = true'] : []),
    ...tlsLines(endpoint).map((line) => `  ${line}`),
    // K3s does not escape patterns and replacements.
    ...(rewrites.size > 0 ? [`  [host."${url}".rewrite]`] : []),
    ...byKey(rewrites).map(([pattern, replacement]) => `    "${pattern}" = "${replacement}"`),
  ]
}

/** The hosts.toml that K3s writes for one registry: https://github.com/containerd/containerd/blob/v2.1.4/docs/hosts.md */
export function renderHostsToml(entry: HostEntry, flags: K3sFlags = {}): string {
  const { default: own, endpoints } = entry
  const lines = [generatedHeader(flags), ...(own === undefined ? [] : defaultLines(own)), '[host]', ...endpoints.flatMap(hostLines)]
  return layOut(lines.join('\n'))
}
