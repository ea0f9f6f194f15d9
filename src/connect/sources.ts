import { MirrorError } from '../errors.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isRegistry } from '../oci/reference.ts'
import { parseEndpoint, type Endpoint } from '../registry/endpoint.ts'
import { SourceRegistries } from '../registry/registry.ts'
import { openConnections, type Connections, type RegistryEvents, type RegistryOptions, type TransferOptions } from './clients.ts'

/** Where images are read from. */
export interface SourceOptions extends RegistryOptions {
  /** Endpoints that registries are read from instead of their own, by registry name; `*` for every registry. */
  readonly from?: Readonly<Record<string, string>> | undefined
}

/** The connections of a run with its source: every registry that references name. */
export interface Sources extends Connections {
  readonly source: SourceRegistries
  /** The endpoints of `from`, by registry name. */
  readonly from: ReadonlyMap<string, Endpoint>
}

/** Reads the configuration and opens the source; nothing is sent yet. Throws USAGE and INVALID_CONFIG. */
export async function openSources(
  options: SourceOptions & TransferOptions,
  events: RegistryEvents = {},
  callOptions: CallOptions = {},
): Promise<Sources> {
  const from = parseFrom(options.from ?? {})
  const connections = await openConnections(options, events, callOptions)
  return { ...connections, from, source: new SourceRegistries(from, connections.opener('source', connections.credentials)) }
}

function parseFrom(from: Readonly<Record<string, string>>): ReadonlyMap<string, Endpoint> {
  return new Map(
    Object.entries(from).map(([registry, endpoint]) => {
      if (registry !== '*' && !isRegistry(registry)) {
        throw new MirrorError('USAGE', `invalid options.from: "${registry}" is not a registry host`, {
          hint: 'pass options.from docker.io=https://mirror.example.com, or *=<endpoint> for every registry',
        })
      }
      return [registry === 'index.docker.io' ? 'docker.io' : registry, parseEndpoint(endpoint, 'options.from')]
    }),
  )
}
