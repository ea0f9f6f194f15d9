import { nearness } from '../hosts/near-host.ts'
import type { WrittenEndpoint, WrittenKey } from '../lint/context.ts'
import { isIndexDockerIo } from '../lint/key-fault.ts'
import { effectWithout } from '../lint/missing-settings.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { hasAnySettings, noConfig, type Registries } from '../registries.ts'
import { shown } from '../shown-text.ts'
import { keyWithOtherPort } from './default-port-key.ts'

/** An endpoint that a key is probably meant for. */
interface Match {
  readonly host: string
  readonly url: string
  readonly severity: NonNullable<Discovery['severity']>
}

/** An endpoint without settings whose host is similar to the key. */
function nearMatch(key: string, lonely: readonly WrittenEndpoint[], { mirrors }: Registries): Match | undefined {
  for (const wanted of ['case', 'port', 'name'] as const) {
    for (const { endpoint, mirror } of lonely) {
      const host = endpoint?.host ?? ''
      if (nearness(key, host) !== wanted) continue
      // A mirrored registry may have a similar one at another port or in another domain.
      if (wanted !== 'case' && mirrors.has(key) && mirror !== key) continue
      const isSure = wanted !== 'port' || ![key, host].every((one) => /:[0-9]+$/.test(one))
      return { host, url: endpoint?.url ?? '', severity: isSure ? 'error' : 'warning' }
    }
  }
  return undefined
}

/** True for an endpoint without settings that no other rule reports. */
function isLonely(written: WrittenEndpoint, { configs }: Registries): boolean {
  const { endpoint, found } = written
  if (endpoint === undefined || found.key !== undefined || isIndexDockerIo(endpoint.host)) return false
  return keyWithOtherPort(written, configs) === undefined
}

/** The first endpoint of the mirror with the key's name, if all its endpoints have no settings. */
function mirrorMatch(key: string, endpoints: readonly WrittenEndpoint[], registries: Registries): Match | undefined {
  const isDockerHub = key === 'docker.io' || key === 'registry-1.docker.io'
  const own = endpoints.filter(({ mirror }) => mirror === (isDockerHub ? 'docker.io' : key))
  const { host, url = '' } = own[0]?.endpoint ?? {}
  // Docker Hub's public mirror has no accounts.
  if (host === undefined || host === 'mirror.gcr.io') return undefined
  // Do not suggest credentials for plain http.
  if (!own.every((written) => isLonely(written, registries) && written.endpoint?.url.startsWith('https://') === true)) return undefined
  const isAccount = isDockerHub && registries.configs.get(key)?.tls === undefined
  return { host, url, severity: isAccount ? 'info' : 'warning' }
}

function judge({ key, position }: WrittenKey, endpoints: readonly WrittenEndpoint[], registries: Registries): Discovery | undefined {
  // TLS settings do not matter to a plain http endpoint.
  const config = registries.configs.get(key) ?? noConfig
  const isOnlyTls = config.auth === undefined
  const lonely = endpoints.filter(
    (written) => isLonely(written, registries) && !(isOnlyTls && written.endpoint?.url.startsWith('http://') === true),
  )
  const near = nearMatch(key, lonely, registries)
  const match = near ?? mirrorMatch(key, endpoints, registries)
  if (match === undefined) return undefined
  const { host, url, severity } = match
  const outcome = effectWithout(config, url)
  const effect = outcome === '' ? '' : `: ${outcome}`
  return near === undefined
    ? {
        position,
        message: `the settings under ${shown(key)} apply only to that registry, not to its endpoint ${shown(host)}, which has no settings${effect}`,
        fix: `write the settings of the endpoint under ${shown(host)}`,
        severity,
      }
    : {
        position,
        message: `the settings under ${shown(key)} apply to no endpoint, because the key must match ${shown(host)} exactly${effect}`,
        fix: `write ${shown(host)}`,
        severity,
      }
}

/** Settings whose key almost matches an endpoint. */
export const unmatchedConfig: Rule = {
  title: 'Settings that apply to no endpoint',
  about: `K3s looks up credentials and TLS under the \`host[:port]\` of the endpoint. The key must match it exactly, with the port, the domain and the case. The name of the
mirrored registry is not the key of its endpoints. A key that matches no endpoint can be right, because images can name that registry directly. So only a key that is
similar to an endpoint without settings is reported, as a warning or an info if the key could be right.`,
  check({ parsed: { registries }, endpoints, keys }) {
    const usable = endpoints.filter(({ endpoint }) => endpoint !== undefined)
    const used = new Set(usable.map(({ found }) => found.key))
    return keys
      .filter(({ section, key, fault }) => section === 'configs' && fault === undefined && key !== '*' && !used.has(key))
      .filter(({ key }) => hasAnySettings(registries.configs.get(key)))
      .map((written) => judge(written, usable, registries))
  },
}
