import type { Rule } from '../lint/rule.ts'
import { tlsFields } from '../registries.ts'
import { shown } from '../shown-text.ts'

/** TLS settings for a plain http endpoint. */
export const tlsOnHttp: Rule = {
  severity: 'warning',
  title: 'TLS settings for an http endpoint',
  about: `If an \`http://\` endpoint has TLS settings, containerd tries https first with every request, and falls back to http when TLS fails. On port 80 the settings
have no effect.`,
  endpoint: ({ mirror, text, endpoint, found }) => {
    const { tls } = found.config
    if (!endpoint?.url.startsWith('http://') || tls === undefined || tlsFields(tls).length === 0) return undefined
    const isIgnored = !/:[0-9]+$/.test(endpoint.host) || endpoint.host.endsWith(':80')
    const effect = isIgnored ? 'they have no effect' : 'containerd tries https first'
    return {
      message: `the endpoint ${shown(text)} of ${shown(mirror)} is http, but ${shown(found.key ?? '')} has TLS settings: ${effect}`,
      fix: 'write https:// if the registry has TLS, or remove tls',
    }
  },
}
