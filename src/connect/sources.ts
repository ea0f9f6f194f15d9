import { MirrorError } from '../errors.ts'
import { layoutDirectory } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isRegistry, type Repository } from '../oci/reference.ts'
import { parseEndpoint, type Endpoint } from '../registry/endpoint.ts'
import { SourceRegistries } from '../registry/registry.ts'
import { openConnections, type Connections, type RegistryEvents, type RegistryOptions, type TransferOptions } from './clients.ts'
import type { RunSource } from './source-layouts.ts'

/** Where images are read from. */
export interface SourceOptions extends RegistryOptions {
  /** Where registries are read from instead of their own endpoint, by registry name; `*` for every registry: an endpoint, or `oci:<directory>`. */
  readonly from?: Readonly<Record<string, string>> | undefined
}

/** The connections of a run with its source: every registry that references name. */
export interface Sources extends Connections {
  readonly source: RunSource
  /** Where `from` has registries read, as an origin or `oci:<directory>`, by registry name. */
  readonly from: ReadonlyMap<string, string>
}

/** Reads the configuration and opens the source; nothing is sent yet. Throws USAGE and INVALID_CONFIG, and for a layout what opening it throws. */
export async function openSources(
  options: SourceOptions & TransferOptions,
  events: RegistryEvents = {},
  callOptions: CallOptions = {},
): Promise<Sources> {
  const { endpoints, directories } = parseFrom(options.from ?? {})
  const layouts = directories.size === 0 ? undefined : await (await import('./source-layouts.ts')).openSourceLayouts(directories)
  const connections = await openConnections(options, events, callOptions)
  const registries = new SourceRegistries(endpoints, connections.opener('source', connections.credentials))
  const from = new Map([...endpoints].map(([registry, { origin }]) => [registry, origin.origin]))
  for (const [registry, directory] of directories) from.set(registry, `oci:${directory}`)
  return { ...connections, from, source: layouts === undefined ? registries : layouts(registries, endpoints) }
}

/** Where images are read from, as `https://host[:port][/prefix]` or `oci:<directory>`. */
export function endpointsOf({ from, source }: Pick<Sources, 'from' | 'source'>): (repository: Repository) => string {
  return ({ registry }) => {
    const place = from.get(registry) ?? from.get('*')
    if (place?.startsWith('oci:') === true) return place
    const { origin, prefix } = source.endpoint(registry)
    return `${origin.origin}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`
  }
}

/** Names that only archives have; no host does. */
const archiveName = /\.(?:tar(?:\.[a-z0-9]+)?|tgz|tzst)(?:\.[0-9]{3,}|\.sha256)?$/i

/** Where each registry is read from: an endpoint, or the directory of a layout. */
function parseFrom(from: Readonly<Record<string, string>>) {
  const endpoints = new Map<string, Endpoint>()
  const directories = new Map<string, string>()
  for (const [registry, place] of Object.entries(from)) {
    if (registry !== '*' && !isRegistry(registry)) {
      throw new MirrorError('USAGE', `invalid options.from: "${registry}" is not a registry host`, {
        hint: "pass options.from docker.io=https://mirror.example.com, or options.from '*=oci:<directory>' for every registry",
      })
    }
    const name = registry === 'index.docker.io' ? 'docker.io' : registry
    const directory = layoutDirectory(place, 'options.from')
    if (archiveName.test(directory ?? place)) {
      throw new MirrorError('USAGE', `"${place}" is an archive: options.from accepts registries and OCI layouts`, {
        hint: `run k3s-mirror bundle push ${directory ?? place} options.to <destination>`,
      })
    }
    if (directory === undefined) endpoints.set(name, parseEndpoint(place, 'options.from'))
    else directories.set(name, directory)
  }
  return { endpoints, directories }
}
