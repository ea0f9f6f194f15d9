import * as tls from 'node:tls'
import type { TlsSettings } from './origin-settings.ts'

/** What Node's and undici's connectors take for TLS. */
export interface TlsOptions {
  readonly ca?: string[]
  readonly cert?: string
  readonly key?: string
  readonly rejectUnauthorized?: boolean
}

/** Node before 22.15 cannot tell its default authorities; the bundled ones are all it can be given beside ours. */
function defaultAuthorities(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => string[] }
  return getCACertificates?.('default') ?? tls.rootCertificates
}

/** Settings as options of a connector; a private authority is added to the default ones, not put in their place. */
export function tlsOptions(settings: TlsSettings = {}): TlsOptions {
  const { ca, cert, key, insecureSkipVerify } = settings
  return {
    ...(ca !== undefined && { ca: [...defaultAuthorities(), ca] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(insecureSkipVerify === true && { rejectUnauthorized: false }),
  }
}
