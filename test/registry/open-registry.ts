import { HttpClient, type HttpClientOptions } from '../../src/http/http-client.ts'
import type { TlsSettings } from '../../src/http/tls.ts'
import { createAuthorizer } from '../../src/registry/auth/authorizer.ts'
import { credentialsForOrigin } from '../../src/registry/auth/credentials.ts'
import { parseEndpoint } from '../../src/registry/endpoint.ts'
import { Registry } from '../../src/registry/registry.ts'
import { RegistryTransport, type TransportOptions } from '../../src/registry/transport.ts'
import { memoryRegistry, type Intercept } from '../servers/memory-registry.ts'

/** How a registry is opened where a test wants something of its own. */
export interface OpenOptions extends Partial<Omit<TransportOptions, 'endpoint' | 'client' | 'authorizer'>> {
  /** User name and password. */
  readonly credentials?: readonly [username: string, password: string]
  readonly tls?: TlsSettings | undefined
  readonly environment?: HttpClientOptions['environment']
  /** Milliseconds of the watchdog. */
  readonly timeout?: number
}

/** A transport's options with a client of its own. */
interface Means extends AsyncDisposable {
  readonly options: TransportOptions
}

/** Retries that cost a test no time. */
export const hasty = { retries: 4, baseDelay: 1, maxDelay: 4 } as const

function means(url: string, options: OpenOptions): Means {
  const { credentials, tls, environment, timeout, ...transport } = options
  const endpoint = parseEndpoint(url)
  const client = new HttpClient({ settings: () => ({ tls }), environment, timeout })
  const found = credentials && { kind: 'basic' as const, username: credentials[0], password: credentials[1] }
  const authorizer = createAuthorizer({
    client,
    credentials: found === undefined ? [] : [credentialsForOrigin('the test', endpoint.origin.origin, found)],
  })
  return {
    options: { side: 'source', retry: hasty, ...transport, endpoint, client, authorizer },
    [Symbol.asyncDispose]: () => client.close(),
  }
}

/** Opens a registry with a client of its own: `await using registry = openRegistry(server.url, { side: 'destination' })`. */
export function openRegistry(url: string, options: OpenOptions = {}): Registry & AsyncDisposable {
  const { options: transport, [Symbol.asyncDispose]: closeClient } = means(url, options)
  const registry = new Registry(transport)
  return Object.assign(registry, { [Symbol.asyncDispose]: closeClient })
}

/** Opens only a transport. */
export function openSession(url: string, options: OpenOptions = {}): { readonly transport: RegistryTransport } & AsyncDisposable {
  const { options: transport, [Symbol.asyncDispose]: closeClient } = means(url, options)
  return { transport: new RegistryTransport(transport), [Symbol.asyncDispose]: closeClient }
}

/** A registry in memory and a client for it, closed together. */
export async function openWithServer(intercept?: Intercept, options: OpenOptions = {}) {
  const server = await memoryRegistry(intercept)
  const registry = openRegistry(server.url, options)
  return {
    server,
    registry,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}
