import { effectWithout, hasCredentials } from '../lint/missing-settings.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** Credentials and TLS under `"*"`. */
export const wildcardConfig: Rule = {
  title: 'Settings under `"*"` that do not apply',
  about: `\`configs."*"\` is not a default for hosts without settings. containerd never sends its credentials. Its TLS settings apply only to registries that images name
directly and that have no entry of their own, and only without \`mirrors."*"\`. They never apply to endpoints of mirrors. An endpoint needs an entry in \`configs\`
under its own \`host[:port]\`.`,
  *check({ parsed, endpoints }) {
    const config = parsed.registries.configs.get('*')
    if (config !== undefined && hasCredentials(config)) {
      yield {
        position: parsed.positionOf(['configs', '*', 'auth']),
        message: 'containerd never sends credentials under "*": nodes pull anonymously',
        fix: 'write them under the host[:port] of each registry and endpoint that requires them',
      }
    }
    if (config?.tls === undefined) return
    const position = parsed.positionOf(['configs', '*', 'tls'])
    const effect = effectWithout({ auth: undefined, tls: config.tls }, 'https://')
    const outcome = effect === '' ? '' : `: ${effect}`
    const host = endpoints.find(({ endpoint, found }) => endpoint?.url.startsWith('https://') && found.key === undefined)?.endpoint?.host
    const fix = `write them under ${host === undefined ? 'the host[:port] of each registry' : shown(host)}`
    if (parsed.registries.mirrors.has('*')) {
      yield { position, message: `TLS settings under "*" have no effect, because mirrors has a "*" too${outcome}`, fix }
    } else if (host !== undefined) {
      const message = `TLS settings under "*" do not apply to the endpoint ${shown(host)}, which has no settings of its own${outcome}`
      yield { position, message, fix, severity: 'warning' }
    }
  },
}
