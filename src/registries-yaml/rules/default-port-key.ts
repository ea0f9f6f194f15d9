import { otherSpelling } from '../hosts/near-host.ts'
import type { WrittenEndpoint } from '../lint/context.ts'
import { effectWithout } from '../lint/missing-settings.ts'
import type { Rule } from '../lint/rule.ts'
import { hasAnySettings, noConfig, type Registries } from '../registries.ts'
import { shown } from '../shown-text.ts'

/** The key of `configs` that differs from the host of an endpoint only by the default port of its scheme. */
export function keyWithOtherPort({ endpoint, found }: WrittenEndpoint, configs: Registries['configs']): string | undefined {
  if (endpoint === undefined || found.key !== undefined) return undefined
  const key = otherSpelling(endpoint.host, endpoint.url.startsWith('http://') ? 'http' : 'https')
  return key !== endpoint.host && hasAnySettings(configs.get(key)) ? key : undefined
}

/** An endpoint with `:443` and a key without it, or the reverse. */
export const defaultPortKey: Rule = {
  title: 'The endpoint has the default port, and its key does not',
  about: `K3s looks up settings under the \`host[:port]\` of the endpoint exactly as it is written. \`registry.example.com\` and \`registry.example.com:443\` are
two keys for one server. The K3s documentation uses the endpoint \`https://registry.example.com:443\` to apply rewrites to the registry itself. That endpoint needs a
second entry in \`configs\`. Without it containerd pulls anonymously and trusts only the system's CAs.`,
  *check({ endpoints, parsed }) {
    const reported = new Set<string>()
    for (const written of endpoints) {
      const key = keyWithOtherPort(written, parsed.registries.configs)
      const { host, url } = written.endpoint ?? {}
      if (key === undefined || host === undefined || url === undefined || reported.has(host)) continue
      reported.add(host)
      const effect = effectWithout(parsed.registries.configs.get(key) ?? noConfig, url)
      yield {
        position: written.position,
        message: `the settings under ${shown(key)} do not apply to this endpoint, whose key is ${shown(host)}${effect === '' ? '' : `: ${effect}`}`,
        fix: `write the same settings under ${shown(host)} too, or write the endpoint and the key the same way`,
      }
    }
  },
}
