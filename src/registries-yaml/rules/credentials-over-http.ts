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
  title: 'credentials are sent over plain http',
  about: `Over http everybody on the way can read the credentials, and change the images. Only credentials that really go to the endpoint
count, those under its own host and port, and endpoints on the node itself do not.`,
  endpoint: (written) => {
    const { mirror, text, endpoint, found } = written
    if (!endpoint?.url.startsWith('http://') || isLocalhost(endpoint.host) || keyFault(mirror) !== undefined || !isSent(written))
      return undefined
    return {
      message: `the endpoint ${shown(text)} of ${shown(mirror)} gets the credentials of ${shown(found.key ?? '')} in clear text`,
      fix: 'Give the registry TLS and write https://, or let it be read without credentials.',
    }
  },
}
