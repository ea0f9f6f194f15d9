import { isLocalhost } from '../hosts/normalise-endpoint.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

// ports on which https is usual
const httpsPorts: ReadonlySet<string | undefined> = new Set([undefined, '443', '6443', '8443', '9443'])

/** An endpoint whose scheme K3s chooses. */
export const endpointWithoutScheme: Rule = {
  severity: 'info',
  title: 'An endpoint without a scheme',
  about: `K3s uses http for an endpoint without a scheme if it is localhost or a loopback address with a port other than 443, and https otherwise. So it uses https for
\`registry:5000\`, \`registry:80\` and \`localhost\`, and http for \`localhost:5000\`. This is a warning for a port on which plain http is usual.`,
  endpoint: ({ text, endpoint, found, position }) => {
    if (endpoint === undefined || text.includes('://')) return undefined
    if (endpoint.url.startsWith('http://')) {
      const message = `the endpoint ${shown(text)} has no scheme: K3s uses http, because it is on the node itself`
      return { position, message, fix: 'write http:// or https:// before the host' }
    }
    const [, port] = /:([0-9]+)$/.exec(endpoint.host) ?? []
    const isPlausible = httpsPorts.has(port) || found.config.tls !== undefined
    const on = isLocalhost(endpoint.host) || isPlausible ? '' : `, also on port ${port}`
    return {
      position,
      message: `the endpoint ${shown(text)} has no scheme: K3s uses https${on}`,
      fix: 'write https:// before the host, or http:// if the registry has no TLS',
      severity: isPlausible ? 'info' : 'warning',
    }
  },
}
