import { parseGoUrl } from '../go/go-url.ts'
import { meantKey } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** Parts of a URL that containerd ignores. */
export const endpointUserinfoOrQuery: Rule = {
  title: 'Credentials or a query in a URL',
  about: `containerd uses only the scheme, host, port and path of an endpoint. It ignores a user and password before the host and pulls anonymously. It also ignores
the query and the fragment. Write credentials as \`auth\` under \`configs\` and the endpoint's \`host[:port]\`. A key with an "@" never matches a registry.`,
  isPerSection: true,
  key: ({ section, key, fault }) =>
    fault === 'userinfo'
      ? {
          message: `the key ${shown(key)} of ${section} contains a user and never matches a registry`,
          fix: `write ${shown(meantKey(key, section))}`,
        }
      : undefined,
  endpoint: ({ text, endpoint, position }) => {
    if (endpoint === undefined) return undefined
    const { userinfo, query, fragment } = parseGoUrl(text.includes('://') ? text : `//${text}`)
    const host = shown(endpoint.host)
    if (userinfo !== undefined) {
      const message = `containerd does not send the user and password in the URL to ${host}`
      return { position, message, fix: `write them as username and password in auth under configs and ${host}` }
    }
    if (query === undefined && fragment === '') return undefined
    const part = query === undefined ? 'fragment' : 'query'
    const message = `containerd does not send the ${part} of the URL to ${host}`
    return { position, message, fix: `remove the ${part}`, severity: 'warning' }
  },
}
