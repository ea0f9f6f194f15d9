import type { ResolvedEndpoint } from './resolve-reference.ts'

/** How a node asks an endpoint, as JSON has it: nothing of it is secret. */
export interface DescribedEndpoint {
  readonly credentials: 'none' | 'basic' | 'identity-token'
  /** Present with `basic`. */
  readonly username?: string
  /** The key of `configs` that gives credentials or TLS; null where none does. */
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
