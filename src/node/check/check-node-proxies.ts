import { isMirrorError } from '../../errors.ts'
import { proxyFor } from '../../http/proxy.ts'
import { parseGoUrl, tryGoUrl, GoUrlError } from '../../registries-yaml/go/go-url.ts'
import { buildHostTable } from '../../registries-yaml/hosts/host-table.ts'
import type { K3sFlags } from '../../registries-yaml/hosts/k3s-flags.ts'
import type { Registries } from '../../registries-yaml/registries.ts'
import { escaped } from '../../text/printable.ts'
import { nodeFinding, type NodeFinding } from './finding.ts'

/** How containerd reaches the endpoint of a mirror. */
export interface CheckedProxy {
  /** `host[:port]` of the endpoint. */
  readonly host: string
  /** The proxy without user and password; null for a direct connection. */
  readonly proxy: string | null
}

const prefix = 'CONTAINERD_'
const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const

/** A variable of the proxies of containerd. */
interface ProxyVariable {
  /** As it is written, as in `CONTAINERD_HTTPS_PROXY`. */
  readonly name: string
  readonly value: string
}

/** The proxies of containerd: K3s removes the prefix, and Go prefers upper case: https://pkg.go.dev/golang.org/x/net/http/httpproxy#FromEnvironment */
function proxyVariables(environment: ReadonlyMap<string, string>): ReadonlyMap<string, ProxyVariable> {
  return new Map(
    names.flatMap((name): [string, ProxyVariable][] => {
      for (const spelled of [name, name.toLowerCase()]) {
        const own = environment.get(prefix + spelled)
        const value = own ?? environment.get(spelled) ?? ''
        if (value !== '') return [[name, { name: own === undefined ? spelled : prefix + spelled, value }]]
      }
      return []
    }),
  )
}

/** A proxy without user, password and path. */
function shownProxy(value: string): string {
  const text = value.includes('://') ? value : `http://${value}`
  return URL.canParse(text) ? `${new URL(text).protocol}//${new URL(text).host}` : 'an invalid URL'
}

/** The hosts of all endpoints that K3s derives from registries.yaml, with their URLs. */
function endpointUrls(registries: Registries, flags: K3sFlags): ReadonlyMap<string, URL> {
  const urls = [...buildHostTable(registries, flags).hosts.values()].flatMap(({ endpoints }) => endpoints.map(({ url }) => url))
  const found = new Map<string, URL>()
  for (const text of urls) {
    const parsed = tryGoUrl(() => parseGoUrl(text))
    if (parsed instanceof GoUrlError || found.has(parsed.host)) continue
    const url = `${parsed.scheme}://${parsed.host}/`
    if (URL.canParse(url)) found.set(parsed.host, new URL(url))
  }
  return found
}

/** In Go `.example.com` means only the subdomains, which differs from curl. */
function exceptionsFor(value: string, { hostname }: URL): string {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter(
      (entry) =>
        !/^\*?\./.test(entry) ||
        entry
          .replace(/^\*?\./, '')
          .replace(/:\d+$/, '')
          .toLowerCase() !== hostname,
    )
    .join(',')
}

/** Reports containerd's proxies, and which endpoints of mirrors they are used for. */
export function checkNodeProxies(
  path: string,
  environment: ReadonlyMap<string, string>,
  registries: Registries | undefined,
  flags: K3sFlags,
): { readonly endpoints: readonly CheckedProxy[]; readonly findings: readonly NodeFinding[] } {
  const variables = proxyVariables(environment)
  const proxies = ['HTTPS_PROXY', 'HTTP_PROXY'].flatMap((name) => variables.get(name) ?? [])
  if (proxies.length === 0) return { endpoints: [], findings: [] }
  const noProxy = variables.get('NO_PROXY')
  const shown = proxies.map(({ name, value }) => `${name} is ${escaped(shownProxy(value))}`).join(', ')
  const except = noProxy === undefined ? 'NO_PROXY is not set' : `${noProxy.name} is ${escaped(noProxy.value)}`
  const findings = [nodeFinding('proxy-used', path, `containerd uses a proxy: ${shown}; ${except}`)]
  const endpoints: CheckedProxy[] = []
  try {
    for (const [host, url] of registries === undefined ? [] : endpointUrls(registries, flags)) {
      const used = proxyFor(url, {
        http_proxy: variables.get('HTTP_PROXY')?.value,
        https_proxy: variables.get('HTTPS_PROXY')?.value,
        no_proxy: exceptionsFor(noProxy?.value ?? '', url),
      })
      endpoints.push({ host, proxy: used === undefined ? null : `${used.url.protocol}//${used.url.host}` })
    }
  } catch (error) {
    if (!isMirrorError(error)) throw error
    findings.push(
      nodeFinding(
        'proxy-invalid',
        path,
        `containerd cannot use the proxy: ${error.message.replace(/\bhttps?_proxy\b/g, (name) => variables.get(name.toUpperCase())?.name ?? name)}`,
        { fix: 'correct or remove the variable, then restart K3s', restart: true },
      ),
    )
  }
  for (const { host, proxy } of endpoints) {
    if (proxy === null) continue
    const message = `containerd asks the endpoint ${escaped(host)} through the proxy ${escaped(proxy)}`
    findings.push(
      nodeFinding('proxy-covers-endpoint', path, message, {
        fix: `add ${escaped(host.replace(/:\d+$/, ''))} to ${prefix}NO_PROXY, unless only the proxy reaches it, then restart K3s`,
        restart: true,
      }),
    )
  }
  return { endpoints, findings }
}
