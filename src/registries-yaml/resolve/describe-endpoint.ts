import type { ResolvedEndpoint } from './resolve-reference.ts'

/** An endpoint with its credentials and TLS settings for JSON output, without secrets. */
export interface DescribedEndpoint {
  readonly credentials: 'none' | 'basic' | 'identity-token'
  /** Present with `basic`. */
  readonly username?: string
  /** The key of `configs` with its credentials or TLS; null for no settings. */
  readonly configKey: string | null
  readonly tls: {
    readonly caFile: string | null
    readonly certFile: string | null
    readonly keyFile: string | null
    readonly insecureSkipVerify: boolean
  }
  /** The first request for the image. */
  readonly requestUrl: string
}

/** Describes an endpoint without its secrets. */
export function describeEndpoint(endpoint: ResolvedEndpoint): DescribedEndpoint {
  const { credentials } = endpoint.credentials
  const [certFile = null, keyFile = null] = endpoint.tls.client[0] ?? []
  return {
    credentials: credentials?.kind ?? 'none',
    ...(credentials?.kind === 'basic' && { username: credentials.username }),
    configKey: endpoint.credentials.key ?? endpoint.tlsKey ?? null,
    tls: { caFile: endpoint.tls.ca[0] ?? null, certFile, keyFile, insecureSkipVerify: endpoint.tls.skipVerify },
    requestUrl: endpoint.requestUrl,
  }
}
