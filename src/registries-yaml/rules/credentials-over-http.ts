import { isLocalhost } from '../hosts/normalise-endpoint.ts'
import type { WrittenEndpoint } from '../lint/context.ts'
import { keyFault } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { readAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

function isSent({ found }: WrittenEndpoint): boolean {
  const credentials = found.config.auth && readAuth(found.config.auth)
  return credentials !== undefined && credentials !== 'invalid' && !(credentials.kind === 'basic' && credentials.password === '')
}

/** Credentials that are sent in clear text. */
export const credentialsOverHttp: Rule = {
  severity: 'warning',
  title: 'Credentials are sent over plain http',
  about: `Anyone on the network path can read credentials that are sent over http, and can change the images. Endpoints on the node itself are not reported, and
neither are credentials under another key, because containerd does not send them.`,
  endpoint: (written) => {
    const { mirror, text, endpoint, found } = written
    if (!endpoint?.url.startsWith('http://') || isLocalhost(endpoint.host) || keyFault(mirror) !== undefined || !isSent(written))
      return undefined
    return {
      message: `containerd sends the credentials of ${shown(found.key ?? '')} to the endpoint ${shown(text)} of ${shown(mirror)} in clear text`,
      fix: 'enable TLS on the registry and write https://, or allow anonymous pulls and remove auth',
    }
  },
}
