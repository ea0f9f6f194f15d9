import type { Rule } from '../lint/rule.ts'
import { tlsFields } from '../registries.ts'
import { shown } from '../shown-text.ts'

/** TLS settings for a plain http endpoint. */
export const tlsOnHttp: Rule = {
  severity: 'warning',
  title: 'TLS settings for an http endpoint',
  about: `If an \`http://\` endpoint has TLS settings, containerd tries https first with every request. It falls back to http only if the registry answers without TLS: with an
invalid certificate the pull fails. On port 80, which is the default of http, the settings have no effect, and every request is in clear text.`,
  endpoint: ({ mirror, text, endpoint, found }) => {
    const { tls } = found.config
    if (!endpoint?.url.startsWith('http://') || tls === undefined || tlsFields(tls).length === 0) return undefined
    const isIgnored = !/:[0-9]+$/.test(endpoint.host) || endpoint.host.endsWith(':80')
    const effect = isIgnored
      ? 'they have no effect on port 80, and nothing is encrypted or verified'
      : 'containerd tries https first, and falls back to http if the registry answers without TLS'
    return {
      message: `the endpoint ${shown(text)} of ${shown(mirror)} is http, but ${shown(found.key ?? '')} has TLS settings: ${effect}`,
      fix: 'write https:// if the registry has TLS, or remove tls',
    }
  },
}
