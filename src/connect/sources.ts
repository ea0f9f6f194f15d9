import type { RetryPolicy } from '../async/retry.ts'
import type { HttpClient } from '../http/http-client.ts'
import { createAuthorizer } from '../registry/auth/authorizer.ts'
import { Registries } from '../registry/registries.ts'
import { Registry } from '../registry/registry.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import { credentialSources, openClientWith, parseSources, readConfigs, type ConnectionOptions } from './clients.ts'

/** Where images are read from, and how those registries are talked to. */
export interface SourceOptions extends ConnectionOptions {
  /** Endpoints that registries are read from instead of their own, by registry name; `*` for every registry. */
  readonly from?: Readonly<Record<string, string>> | undefined
  /** Hosts of other domains that may see a registry's credentials as its token server. */
  readonly tokenHosts?: readonly string[] | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Large blobs at once, per registry. */
  readonly blobJobs?: number | undefined
}

/** The sources of a run that writes to no registry. */
export interface Sources extends AsyncDisposable {
  readonly registries: Registries
  /** For files of releases, with the same proxies and TLS. */
  readonly client: HttpClient
  /** Sentences for the reader about what was read. */
  readonly warnings: readonly string[]
  /** Requests sent so far. */
  requests(): number
}

/** Reads the configuration and opens the sources; nothing is sent yet. Throws USAGE and INVALID_CONFIG. */
export async function openSources(
  options: SourceOptions,
  events: RegistryEvents = {},
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Sources> {
  const { retry, blobJobs, tokenHosts } = options
  const endpoints = parseSources(options.from ?? {})
  const configs = await readConfigs(options, signal)
  let requests = 0
  const client = openClientWith(options, configs, () => requests++)
  const authorizer = createAuthorizer({ client, credentials: credentialSources(options, configs), tokenHosts, onWarning: events.onWarning })
  return {
    registries: new Registries(
      endpoints,
      (endpoint) => new Registry({ ...events, endpoint, side: 'source', client, authorizer, retry, streams: blobJobs }),
    ),
    client,
    warnings: configs?.warnings ?? [],
    requests: () => requests,
    [Symbol.asyncDispose]: () => client.close(),
  }
}
