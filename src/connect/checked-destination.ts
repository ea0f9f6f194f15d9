import type { RetryPolicy } from '../async/retry.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import type { LayoutReader } from '../layout/layout.ts'
import type { Repository } from '../oci/reference.ts'
import { createAuthorizer } from '../registry/auth/authorizer.ts'
import { parseEndpoint, type Endpoint } from '../registry/endpoint.ts'
import { Registries } from '../registry/registries.ts'
import { Registry } from '../registry/registry.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import { refusingPlace, type ReadablePlace } from '../verify/checked-place.ts'
import {
  credentialSources,
  destinationSources,
  layoutDirectory,
  openClientWith,
  parseSources,
  readConfigs,
  type ConnectionOptions,
} from './clients.ts'

/** What is looked at, and what it is compared with; nothing is written anywhere. */
export interface VerifyPlaceOptions extends ConnectionOptions {
  /** Look for images as a node with the file `registries` does. With `to` beside it, what is there is what the node must get. */
  readonly asNode?: boolean | undefined
  /** `[http://|https://]host[:port][/prefix]`, or `oci:<directory>`. */
  readonly to?: string | undefined
  /** Endpoints by registry name, `*` for every registry: what they have now is what the images ought to be. */
  readonly from?: Readonly<Record<string, string>> | undefined
  /** For the destination, where no file has any. */
  readonly destinationCredentials?: { readonly username: string; readonly password: string } | undefined
  /** Hosts of other domains that may see a registry's credentials as its token server. */
  readonly tokenHosts?: readonly string[] | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
}

/** The destination, to be read. */
export interface ReadDestination {
  /** `http://host:5000/v2`, or `oci:<directory>`. */
  readonly url: string
  readonly place: ReadablePlace
  /** How images are named there, as in `nameDestination`. */
  readonly naming: { readonly registry: string | undefined; readonly prefix: string }
}

/** The opened places. */
export interface VerifyPlaces extends AsyncDisposable {
  /** For files of releases, with the same proxies and TLS. */
  readonly client: HttpClient
  /** Undefined where there is none. */
  readonly destination: ReadDestination | undefined
  /** The source of a registry's images and what it is called; undefined where none was named. */
  source(repository: Repository): { readonly name: string; readonly place: Registries } | undefined
  /** Sentences about the configuration. */
  readonly warnings: readonly string[]
}

/** A layout tells a blob of another size from a missing one. */
function layoutPlace(layout: LayoutReader, directory: string): ReadablePlace {
  return {
    headManifest: (reference, options) => layout.headManifest(reference, options),
    getManifest: (reference, options) => layout.getManifest(reference, options),
    getBlob: (repository, descriptor, options) => layout.getBlob(repository, descriptor, options),
    async headBlob(_repository, { digest, size }) {
      const found = await layout.blobSize(digest)
      if (found === undefined || found === size) return found === size
      throw new MirrorError('INTEGRITY', `the layout ${directory} has ${found} bytes where the manifest says ${size}`)
    },
  }
}

async function openLayoutDestination(directory: string): Promise<ReadDestination> {
  const { readLayout } = await import('../layout/open-layout.ts')
  // Like a registry that is down: that is what the check has found, of every image.
  const missing = (error: unknown): ReadablePlace => {
    if (!isMirrorError(error) || error.code !== 'NOT_FOUND') throw error
    return refusingPlace(new MirrorError('UNREACHABLE', error.message, { hint: error.hint, cause: error }))
  }
  const place = await readLayout(directory).then((layout) => layoutPlace(layout, directory), missing)
  return { url: `oci:${directory}`, place, naming: { registry: undefined, prefix: '' } }
}

/** Opens what is looked at, for reading alone; nothing is sent yet. A layout that is not there answers nothing. Throws USAGE and INVALID_CONFIG. */
export async function openVerifyPlaces(
  options: VerifyPlaceOptions,
  events: RegistryEvents & { readonly onRequest?: () => void } = {},
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<VerifyPlaces> {
  const { to, tokenHosts, retry, destinationCredentials } = options
  const sources = parseSources(options.from ?? {})
  const directory = to === undefined ? undefined : layoutDirectory(to)
  const endpoint = to === undefined || directory !== undefined ? undefined : parseEndpoint(to)
  const warnings: string[] = []
  const configs = await readConfigs(options, signal).catch((error: unknown) => {
    if (options.asNode !== true || !isMirrorError(error) || error.code !== 'INVALID_CONFIG') throw error
    // A node's file may name TLS files that cannot be used: what that does to the node is for the check of each image to say.
    const others = [...(endpoint === undefined ? [] : ['--to']), ...(sources.size === 0 ? [] : ['--from'])].join(' and ')
    if (others !== '') warnings.push(`${others}: asked without the TLS and credentials of ${options.registries ?? ''}: ${error.message}`)
    return undefined
  })
  const layout = directory === undefined ? undefined : await openLayoutDestination(directory)
  const credentials = credentialSources(options, configs)
  const client = openClientWith(options, configs, events.onRequest)
  const open = (at: Endpoint, more: typeof credentials = []): Registry => {
    const authorizer = createAuthorizer({ client, credentials: [...credentials, ...more], tokenHosts, onWarning: events.onWarning })
    return new Registry({ ...events, endpoint: at, side: 'source', client, authorizer, retry })
  }
  const openRegistry = (at: Endpoint): ReadDestination => {
    const { origin, prefix } = at
    return {
      url: `${origin.origin}/v2`,
      place: open({ origin, prefix: '' }, destinationSources(at, destinationCredentials)),
      naming: { registry: origin.host, prefix: prefix.slice(0, -1) },
    }
  }
  const registries = new Registries(sources, open)
  return {
    client,
    destination: endpoint === undefined ? layout : openRegistry(endpoint),
    source(repository) {
      const at = sources.get(repository.registry) ?? sources.get('*')
      return at === undefined ? undefined : { name: at.origin.origin, place: registries }
    },
    warnings: [...warnings, ...(configs?.warnings ?? [])],
    [Symbol.asyncDispose]: () => client.close(),
  }
}
