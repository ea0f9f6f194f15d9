import { isLocalhost } from '../hosts/normalise-endpoint.ts'
import type { WrittenEndpoint } from '../lint/context.ts'
import { keyFault } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { tlsFields } from '../registries.ts'
import { readAuth } from '../resolve/resolve-credentials.ts'
import { shown } from '../shown-text.ts'

function isSent({ found }: WrittenEndpoint): boolean {
  const credentials = found.config.auth && readAuth(found.config.auth)
  return credentials !== undefined && credentials !== 'invalid' && !(credentials.kind === 'basic' && credentials.password === '')
}

/** True for an http endpoint that containerd tries with https first. */
function triesHttpsFirst({ endpoint, found: { config } }: WrittenEndpoint): boolean {
  return config.tls !== undefined && tlsFields(config.tls).length > 0 && /:(?!80$)[0-9]+$/.test(endpoint?.host ?? '')
}

/** Credentials that are sent in clear text. */
export const credentialsOverHttp: Rule = {
  severity: 'warning',
  title: 'Credentials are sent over plain http',
  about: `Anyone on the network path can read credentials that are sent over http, and can change the images. With TLS settings and another port than 80, containerd
tries https first, and sends the credentials in clear text only if the registry answers without TLS. Endpoints on the node itself are not reported, and neither are
credentials under another key, because containerd does not send them.`,
  endpoint: (written) => {
    const { mirror, text, endpoint, found } = written
    if (!endpoint?.url.startsWith('http://') || isLocalhost(endpoint.host) || keyFault(mirror, 'mirrors') !== undefined || !isSent(written))
      return undefined
    const credentials = `the credentials of ${shown(found.key ?? '')} to the endpoint ${shown(text)} of ${shown(mirror)}`
    return {
      message: `containerd sends ${credentials} in clear text${triesHttpsFirst(written) ? ' if it answers without TLS' : ''}`,
      fix: 'enable TLS on the registry and write https://, or allow anonymous pulls and remove auth',
    }
  },
}
