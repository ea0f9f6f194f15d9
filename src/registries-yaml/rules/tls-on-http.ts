import type { Rule } from '../lint/rule.ts'
import { tlsFields } from '../registries.ts'
import { shown } from '../shown-text.ts'

/** TLS settings for an endpoint that is plain http. */
export const tlsOnHttp: Rule = {
  severity: 'warning',
  title: 'TLS settings for an http endpoint',
  about: `Where an \`http://\` endpoint has TLS settings containerd tries https first, and http once TLS has failed, with every request;
on port 80 the settings mean nothing. A registry that answers to https later is then talked to by https.`,
  endpoint: ({ mirror, text, endpoint, found }) => {
    const { tls } = found.config
    if (!endpoint?.url.startsWith('http://') || tls === undefined || tlsFields(tls).length === 0) return undefined
    const isIgnored = !/:[0-9]+$/.test(endpoint.host) || endpoint.host.endsWith(':80')
    const effect = isIgnored ? 'they mean nothing' : 'containerd tries https first'
    return {
      message: `the endpoint ${shown(text)} of ${shown(mirror)} is http, but ${shown(found.key ?? '')} has TLS settings: ${effect}`,
      fix: 'Write https:// where the registry has TLS, or else remove its tls.',
    }
  },
}
