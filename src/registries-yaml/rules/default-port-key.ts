import { otherSpelling } from '../hosts/near-host.ts'
import type { WrittenEndpoint } from '../lint/context.ts'
import type { Rule } from '../lint/rule.ts'
import { hasAnySettings, type Registries } from '../registries.ts'
import { shown } from '../shown-text.ts'

/** The key of `configs` that names the host of an endpoint, but for the default port of its scheme. */
export function keyWithOtherPort({ endpoint, found }: WrittenEndpoint, configs: Registries['configs']): string | undefined {
  if (endpoint === undefined || found.key !== undefined) return undefined
  const key = otherSpelling(endpoint.host, endpoint.url.startsWith('http://') ? 'http' : 'https')
  return key !== endpoint.host && hasAnySettings(configs.get(key)) ? key : undefined
}

/** `:443` at an endpoint and not at its key, or the other way round. */
export const defaultPortKey: Rule = {
  title: 'The default port at an endpoint and not at its key',
  about: `Settings are looked up under the endpoint's \`host[:port]\` exactly as it is written: \`registry.example.com\` and \`registry.example.com:443\` are two
keys, though they are one server. The documented way to have rewrites for a registry itself, an endpoint \`https://registry.example.com:443\`, needs a
second entry in \`configs\` for that; without one the endpoint is asked anonymously and with the system's certificate authorities.`,
  *check({ endpoints, parsed }) {
    const reported = new Set<string>()
    for (const written of endpoints) {
      const key = keyWithOtherPort(written, parsed.registries.configs)
      const host = written.endpoint?.host
      if (key === undefined || host === undefined || reported.has(host)) continue
      reported.add(host)
      yield {
        position: written.position,
        message: `the settings under ${shown(key)} are not those of this endpoint: its key is ${shown(host)}`,
        fix: `Write the same settings under ${shown(host)} too, or spell both alike.`,
      }
    }
  },
}
