import { isLocalhost } from '../hosts/normalise-endpoint.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

// ports that are https as often as not, and so no reason to doubt it
const httpsPorts: ReadonlySet<string | undefined> = new Set([undefined, '443', '6443', '8443', '9443'])

/** An endpoint that leaves it to K3s whether it is http or https. */
export const endpointWithoutScheme: Rule = {
  severity: 'info',
  title: 'An endpoint without a scheme',
  about: `Without a scheme an endpoint is http if it is localhost or a loopback address with a port that is not 443, and https otherwise: \`registry:5000\` and even
\`registry:80\` are asked by https, \`localhost:5000\` by http, \`localhost\` by https. A port on which plain http is usual makes this a warning.`,
  endpoint: ({ text, endpoint, found, position }) => {
    if (endpoint === undefined || text.includes('://')) return undefined
    if (endpoint.url.startsWith('http://')) {
      const message = `the endpoint ${shown(text)} has no scheme; K3s asks it by http, because it is on the node itself`
      return { position, message, fix: 'Write http:// or https:// before it.' }
    }
    const [, port] = /:([0-9]+)$/.exec(endpoint.host) ?? []
    const isPlausible = httpsPorts.has(port) || found.config.tls !== undefined
    const on = isLocalhost(endpoint.host) || isPlausible ? '' : `, on port ${port} too`
    return {
      position,
      message: `the endpoint ${shown(text)} has no scheme; K3s asks it by https${on}`,
      fix: 'Write https:// before it, or http:// if it has no TLS.',
      severity: isPlausible ? 'info' : 'warning',
    }
  },
}
