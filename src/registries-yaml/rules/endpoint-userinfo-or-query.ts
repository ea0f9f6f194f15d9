import { parseGoUrl } from '../go/go-url.ts'
import type { WrittenEndpoint } from '../lint/context.ts'
import { meantKey } from '../lint/key-fault.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

function judge({ text, endpoint, position }: WrittenEndpoint): Discovery | undefined {
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
}

/** Parts of a URL that containerd does not keep. */
export const endpointUserinfoOrQuery: Rule = {
  id: 'endpoint-userinfo-or-query',
  severity: 'error',
  title: 'Credentials or a query in a URL',
  about: `Of an endpoint containerd keeps scheme, host, port and path. A user and a password before the host are dropped, and the registry is asked anonymously; a
query and a fragment are dropped too. Credentials belong in \`auth\`, under \`configs\` and the endpoint's \`host[:port]\`. A key with an "@" in it matches no registry.`,
  isPerSection: true,
  check: ({ keys, distinctEndpoints }) => [
    ...keys
      .filter(({ fault }) => fault === 'userinfo')
      .map(({ section, key, position }) => ({
        position,
        message: `the key ${shown(key)} of ${section} names a user and matches no registry`,
        fix: `Write ${shown(meantKey(key, section))}.`,
      })),
    ...distinctEndpoints.map(judge),
  ],
}
