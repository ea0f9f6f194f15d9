import type { RetryPolicy } from '../async/retry.ts'
import type { RequestCounts } from '../copy/events.ts'
import type { Side } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import type { Layout } from '../layout/layout.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { ImageSource } from '../oci/image-source.ts'
import { createAuthorizer, type Authorizer } from '../registry/auth/authorizer.ts'
import type { CredentialsSource } from '../registry/auth/credentials.ts'
import { parseEndpoint, type Endpoint } from '../registry/endpoint.ts'
import { Registries } from '../registry/registries.ts'
import { Registry } from '../registry/registry.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import {
  credentialSources,
  destinationSources,
  layoutDirectory,
  openClientWith,
  parseSources,
  readConfigs,
  type ConnectionOptions,
} from './clients.ts'

/** Where images are read from and written to, and how those places are talked to. */
export interface PlaceOptions extends ConnectionOptions {
  /** `[http://|https://]host[:port][/prefix]`, or `oci:<directory>`. */
  readonly to: string
  /** Endpoints that registries are read from instead of their own, by registry name; `*` for every registry. */
  readonly from?: Readonly<Record<string, string>> | undefined
  /** For the destination, where neither file has any. */
  readonly destinationCredentials?: { readonly username: string; readonly password: string } | undefined
  /** Hosts of other domains that may see a registry's credentials as its token server. */
  readonly tokenHosts?: readonly string[] | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Large blobs at once, per registry. */
  readonly blobJobs?: number | undefined
}

/** The two ends of a run. */
export interface Places extends AsyncDisposable {
  readonly source: Registries
  readonly destination: ImageDestination & ImageSource
  /** The destination where it is a registry. */
  readonly registry: Registry | undefined
  /** Where credentials are looked for, by side. */
  readonly credentials: Readonly<Record<Side, readonly CredentialsSource[]>>
  /** How images are named at the destination. */
  readonly naming: { readonly registry: string | undefined; readonly prefix: string }
  /** For files of releases, with the same proxies and TLS. */
  readonly client: HttpClient
  /** Sentences for the reader about what was read. */
  readonly warnings: readonly string[]
  /** Requests sent so far. */
  requests(): RequestCounts
}

/** A client for the files of releases, with the proxies and the TLS settings of the registries. Throws INVALID_CONFIG. */
export async function openClient(
  options: ConnectionOptions,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<HttpClient> {
  return openClientWith(options, await readConfigs(options, signal))
}

// Parts that most runs do without are loaded when they are needed: a job that finds everything in place is done in a blink.
async function openDirectory(directory: string): Promise<Layout> {
  const { openLayout } = await import('../layout/open-layout.ts')
  return openLayout(directory)
}

/** Reads the configuration and opens both ends; nothing is sent yet. Throws USAGE, INVALID_CONFIG, LAYOUT_LOCKED, LOCAL_IO. */
export async function openPlaces(
  options: PlaceOptions,
  events: RegistryEvents = {},
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Places> {
  const { to, retry, blobJobs, destinationCredentials, tokenHosts } = options
  const { onWarning } = events
  const sources = parseSources(options.from ?? {})
  const directory = layoutDirectory(to)
  const endpoint = directory === undefined ? parseEndpoint(to) : undefined
  const configs = await readConfigs(options, signal)
  const credentials = credentialSources(options, configs)
  const counts = { source: 0, destination: 0 }
  const clients = {
    source: openClientWith(options, configs, () => counts.source++),
    destination: openClientWith(options, configs, () => counts.destination++),
  }
  const open = (side: keyof RequestCounts, authorizer: Authorizer, at: Endpoint): Registry =>
    new Registry({ ...events, endpoint: at, side, client: clients[side], authorizer, retry, streams: blobJobs })

  const sourceAuthorizer = createAuthorizer({ client: clients.source, credentials, tokenHosts, onWarning })
  const source = new Registries(sources, (at) => open('source', sourceAuthorizer, at))
  const forDestination = endpoint === undefined ? credentials : [...credentials, ...destinationSources(endpoint, destinationCredentials)]
  const destinationAuthorizer = createAuthorizer({
    client: clients.destination,
    credentials: forDestination,
    tokenHosts,
    // All of a destination is written with one account.
    mostRefusals: 1,
    onWarning,
  })
  const registry = endpoint && open('destination', destinationAuthorizer, { ...endpoint, prefix: '' })
  const layout = registry === undefined ? await openDirectory(directory ?? '') : undefined
  return {
    source,
    destination: (registry ?? layout) as Registry | Layout,
    registry,
    credentials: { source: credentials, destination: forDestination },
    naming: { registry: endpoint?.origin.host, prefix: endpoint?.prefix.slice(0, -1) ?? '' },
    client: clients.source,
    warnings: configs?.warnings ?? [],
    requests: () => ({ ...counts }),
    async [Symbol.asyncDispose]() {
      await layout?.close()
      await Promise.all([clients.source.close(), clients.destination.close()])
    },
  }
}
