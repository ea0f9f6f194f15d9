import type { Rule } from '../lint/rule.ts'
import { readAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

/** Credentials and TLS under `"*"`. */
export const wildcardConfig: Rule = {
  title: 'Settings under `"*"` that do not apply',
  about: `\`configs."*"\` is no default for hosts without settings. Credentials under it are sent to nobody. Its TLS settings apply to registries that images name
and that have no entry of their own, and even to those only where there is no \`mirrors."*"\`; endpoints of mirrors never get them. An endpoint needs an entry in
\`configs\` under its own \`host[:port]\`.`,
  *check({ parsed, endpoints }) {
    const config = parsed.registries.configs.get('*')
    if (config?.auth !== undefined && readAuth(config.auth) !== undefined) {
      yield {
        position: parsed.positionOf(['configs', '*', 'auth']),
        message: 'credentials under "*" are sent to nobody',
        fix: 'Write them under the host[:port] of every registry and endpoint that asks for them.',
      }
    }
    if (config?.tls === undefined) return
    const position = parsed.positionOf(['configs', '*', 'tls'])
    const host = endpoints.find(({ endpoint, found }) => endpoint?.url.startsWith('https://') && found.key === undefined)?.endpoint?.host
    const fix = host === undefined ? 'Write them under the host[:port] of every registry.' : `Write them under ${shown(host)}.`
    if (parsed.registries.mirrors.has('*')) {
      yield { position, message: 'TLS settings under "*" apply to nothing where mirrors has a "*" too', fix }
    } else if (host !== undefined) {
      const message = `TLS settings under "*" do not apply to endpoints, and the endpoint ${shown(host)} has no others`
      yield { position, message, fix, severity: 'warning' }
    }
  },
}
