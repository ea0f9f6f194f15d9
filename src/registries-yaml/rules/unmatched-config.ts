import { nearness } from '../hosts/near-host.ts'
import type { WrittenEndpoint, WrittenKey } from '../lint/context.ts'
import { isIndexDockerIo } from '../lint/key-fault.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { hasAnySettings, type Registries } from '../registries.ts'
import { shown } from '../shown-text.ts'
import { keyWithOtherPort } from './default-port-key.ts'

/** An endpoint that a key may be meant for, and how sure that is. */
interface Match {
  readonly host: string
  readonly why: string
  readonly severity: NonNullable<Discovery['severity']>
}

/** Endpoints without any settings that differ from the key by a slip. */
function nearMatch(key: string, lonely: readonly WrittenEndpoint[], { mirrors }: Registries): Match | undefined {
  for (const wanted of ['case', 'port', 'name'] as const) {
    for (const { endpoint, mirror } of lonely) {
      const host = endpoint?.host ?? ''
      if (nearness(key, host) !== wanted) continue
      // A registry that images name itself may have a sister that differs by port or domain.
      if (wanted !== 'case' && mirrors.has(key) && mirror !== key) continue
      const isSure = wanted !== 'port' || ![key, host].every((one) => /:[0-9]+$/.test(one))
      return { host, why: 'keys are compared exactly', severity: isSure ? 'error' : 'warning' }
    }
  }
  return undefined
}

/** True for an endpoint that gets no settings, where no other rule says why. */
function isLonely(written: WrittenEndpoint, { configs }: Registries): boolean {
  const { endpoint, found } = written
  if (endpoint === undefined || found.key !== undefined || isIndexDockerIo(endpoint.host)) return false
  return keyWithOtherPort(written, configs) === undefined
}

/** The first endpoint of the mirror that has the key's name, where none of them has settings. */
function mirrorMatch(key: string, endpoints: readonly WrittenEndpoint[], registries: Registries): Match | undefined {
  const isDockerHub = key === 'docker.io' || key === 'registry-1.docker.io'
  const own = endpoints.filter(({ mirror }) => mirror === (isDockerHub ? 'docker.io' : key))
  const host = own[0]?.endpoint?.host
  // Docker Hub's public mirror has no accounts.
  if (host === undefined || host === 'mirror.gcr.io') return undefined
  // Credentials for plain http are better not asked for.
  if (!own.every((written) => isLonely(written, registries) && written.endpoint?.url.startsWith('https://') === true)) return undefined
  const isAccount = isDockerHub && registries.configs.get(key)?.tls === undefined
  return { host, why: 'they are not passed on to endpoints', severity: isAccount ? 'info' : 'warning' }
}

function judge({ key, position }: WrittenKey, endpoints: readonly WrittenEndpoint[], registries: Registries): Discovery | undefined {
  // TLS settings are nothing to an endpoint of plain http.
  const isTlsAlone = registries.configs.get(key)?.auth === undefined
  const lonely = endpoints.filter(
    (written) => isLonely(written, registries) && !(isTlsAlone && written.endpoint?.url.startsWith('http://') === true),
  )
  const near = nearMatch(key, lonely, registries)
  const match = near ?? mirrorMatch(key, endpoints, registries)
  if (match === undefined) return undefined
  const { host, why, severity } = match
  const what = near === undefined ? `the settings under ${shown(key)} are for this registry alone` : `no endpoint is ${shown(key)}`
  const meant = `Write what is meant for the endpoint under ${shown(host)}`
  return {
    position,
    message: `${what}, and the endpoint ${shown(host)} has no settings: ${why}`,
    fix: near === undefined ? `${meant}; leave here what is for the registry itself.` : `Write ${shown(host)}.`,
    severity,
  }
}

/** Settings whose key is almost an endpoint. */
export const unmatchedConfig: Rule = {
  title: 'Settings that no endpoint gets',
  about: `Credentials and TLS are looked up under the \`host[:port]\` of the endpoint, and the key has to be that exactly: with the port, with the domain, in the
same case. The name of the mirrored registry is not the key of its endpoints. A key that is no endpoint may still be right, because images can name that
registry themselves; so this is reported only where an endpoint without any settings is almost the same, and as a warning or a remark where both may be meant.`,
  check({ parsed: { registries }, endpoints, keys }) {
    const usable = endpoints.filter(({ endpoint }) => endpoint !== undefined)
    const used = new Set(usable.map(({ found }) => found.key))
    return keys
      .filter(({ section, key, fault }) => section === 'configs' && fault === undefined && key !== '*' && !used.has(key))
      .filter(({ key }) => hasAnySettings(registries.configs.get(key)))
      .map((written) => judge(written, usable, registries))
  },
}
