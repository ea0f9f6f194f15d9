import { parseGoUrl } from '../go/go-url.ts'
import { meantKey } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** Parts of a URL that containerd does not keep. */
export const endpointUserinfoOrQuery: Rule = {
  title: 'Credentials or a query in a URL',
  about: `Of an endpoint containerd keeps scheme, host, port and path. A user and a password before the host are dropped, and the registry is asked anonymously; a
query and a fragment are dropped too. Credentials belong in \`auth\`, under \`configs\` and the endpoint's \`host[:port]\`. A key with an "@" in it matches no registry.`,
  isPerSection: true,
  key: ({ section, key, fault }) =>
    fault === 'userinfo'
      ? {
          message: `the key ${shown(key)} of ${section} names a user and matches no registry`,
          fix: `Write ${shown(meantKey(key, section))}.`,
        }
      : undefined,
  endpoint: ({ text, endpoint, position }) => {
    if (endpoint === undefined) return undefined
    const { userinfo, query, fragment } = parseGoUrl(text.includes('://') ? text : `//${text}`)
    const host = shown(endpoint.host)
    if (userinfo !== undefined) {
      const message = `user and password in an endpoint are not sent to ${host}`
      return { position, message, fix: `Write them as username and password in auth under configs and ${host}.` }
    }
    if (query === undefined && fragment === '') return undefined
    const part = query === undefined ? 'what follows the "#"' : 'what follows the "?"'
    return { position, message: `${part} in an endpoint is not sent to ${host}`, fix: 'Leave it out.', severity: 'warning' }
  },
}
