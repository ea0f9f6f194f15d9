import type { Rule } from '../lint/rule.ts'
import { readAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

/** Credentials and TLS under `"*"`. */
export const wildcardConfig: Rule = {
  title: 'Settings under `"*"` that do not apply',
  about: `\`configs."*"\` is not a default for hosts without settings. containerd never sends its credentials. Its TLS settings apply only to registries that images name
directly and that have no entry of their own, and only without \`mirrors."*"\`. They never apply to endpoints of mirrors. An endpoint needs an entry in \`configs\`
under its own \`host[:port]\`.`,
  *check({ parsed, endpoints }) {
    const config = parsed.registries.configs.get('*')
    if (config?.auth !== undefined && readAuth(config.auth) !== undefined) {
      yield {
        position: parsed.positionOf(['configs', '*', 'auth']),
        message: 'containerd never sends credentials under "*"',
        fix: 'write them under the host[:port] of each registry and endpoint that requires them',
      }
    }
    if (config?.tls === undefined) return
    const position = parsed.positionOf(['configs', '*', 'tls'])
    const host = endpoints.find(({ endpoint, found }) => endpoint?.url.startsWith('https://') && found.key === undefined)?.endpoint?.host
    const fix = `write them under ${host === undefined ? 'the host[:port] of each registry' : shown(host)}`
    if (parsed.registries.mirrors.has('*')) {
      yield { position, message: 'TLS settings under "*" have no effect, because mirrors has a "*" too', fix }
    } else if (host !== undefined) {
      const message = `TLS settings under "*" do not apply to the endpoint ${shown(host)}, which has no settings of its own`
      yield { position, message, fix, severity: 'warning' }
    }
  },
}
