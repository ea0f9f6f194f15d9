import * as tls from 'node:tls'
import type { TlsSettings } from './origin-settings.ts'
import { defaultAuthorities } from './system-trust.ts'

/** What Node's connectors take for TLS. */
export interface TlsOptions {
  readonly secureContext?: tls.SecureContext
  readonly rejectUnauthorized?: boolean
}

/** Reading some 150 authorities takes 20 ms of CPU: once for all connections of an origin, not for each. */
const contexts = new WeakMap<TlsSettings, tls.SecureContext>()

function secureContext(settings: TlsSettings): tls.SecureContext {
  const { ca, cert, key } = settings
  // As in Go, and so in containerd, an authority below a root is enough.
  const trust = ca !== undefined && { ca: [...defaultAuthorities(), ca], allowPartialTrustChain: true }
  const context = contexts.get(settings) ?? tls.createSecureContext({ ...trust, cert, key })
  contexts.set(settings, context)
  return context
}

/** Settings as options of a connector; a private authority is added to the default ones, not put in their place. */
export function tlsOptions(settings: TlsSettings = {}): TlsOptions {
  const { ca, cert, key, insecureSkipVerify } = settings
  return {
    ...((ca ?? cert ?? key) !== undefined && { secureContext: secureContext(settings) }),
    ...(insecureSkipVerify === true && { rejectUnauthorized: false }),
  }
}
