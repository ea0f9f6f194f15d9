import { isMirrorError, MirrorError, type Side } from '../errors.ts'
import type { DiskRoom } from '../layout/disk-room.ts'
import type { Layout, LayoutReader } from '../layout/layout.ts'
import { layoutDirectory, refusingPlace, type ImageDestination, type ReadablePlace } from '../oci/image-destination.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import type { Repository } from '../oci/reference.ts'
import { credentialsForOrigin, findCredentials, type Credentials } from '../registry/auth/credentials.ts'
import { parseEndpoint, type Endpoint } from '../registry/endpoint.ts'
import type { Registry } from '../registry/registry.ts'
import type { Connections, RegistryEvents, RegistryOptions, TransferOptions } from './clients.ts'
import { openSources, type SourceOptions, type Sources } from './sources.ts'

/** Where images are written to, or looked for. */
export interface DestinationOptions extends RegistryOptions {
  /** `[http://|https://]host[:port][/prefix]`, or `oci:<directory>`. */
  readonly to?: string | undefined
  /** For the destination, where no file has any. */
  readonly destinationCredentials?: { readonly username: string; readonly password: string } | undefined
}

/** Both ends of a run that copies. */
export interface EndOptions extends SourceOptions, DestinationOptions, TransferOptions {
  readonly to: string
}

/** How images are named at a destination; a layout keeps their registry. */
export interface DestinationNaming {
  readonly registry: string | undefined
  readonly prefix: string
}

/** Both ends of a run that copies, opened; disposing closes the destination only. */
export interface RunEnds extends Sources {
  readonly destination: ImageDestination & ImageSource
  /** The destination where it is a registry. */
  readonly registry: Registry | undefined
  /** The destination where it is a layout. */
  readonly layout: Layout | undefined
  /** The space on the disk of a destination that is a layout. */
  readonly room: DiskRoom | undefined
  readonly naming: DestinationNaming
  /** The credentials that a repository of one side is asked with, and the origin that they are for. */
  credentialsFor(
    side: Side,
    repository: Repository,
    options: CallOptions,
  ): Promise<{ readonly origin: string; readonly credentials: Credentials | undefined }>
}

/** A destination that is only read. */
export interface ReadDestination {
  /** `http://host:5000/v2`, or `oci:<directory>`. */
  readonly url: string
  readonly place: ReadablePlace
  /** The place where it is a registry. */
  readonly registry?: Registry | undefined
  readonly naming: DestinationNaming
}

/** The ends of a check; the destination is undefined where only sources are checked. */
export interface CheckedEnds extends Sources {
  readonly destination: ReadDestination | undefined
}

/** A destination by its name: the directory of a layout, or the endpoint of a registry. */
export type NamedDestination =
  | { readonly directory: string; readonly endpoint?: undefined }
  | { readonly directory?: undefined; readonly endpoint: Endpoint }

/** Reads the name of a destination; throws USAGE. */
export function parseDestination(to: string): NamedDestination {
  const directory = layoutDirectory(to, 'options.to')
  return directory === undefined ? { endpoint: parseEndpoint(to, 'options.to') } : { directory }
}

/** What two names of one destination have in common: its URL, or its directory behind all links. */
export async function destinationIdentity({ directory, endpoint }: NamedDestination): Promise<string> {
  if (endpoint !== undefined) return `${endpoint.origin.origin}/${endpoint.prefix}`
  return `oci:${await (await import('../layout/planted-files.ts')).followLinks(directory)}`
}

/** Refuses a login that would be sent to several registries: it is for one of them. Throws USAGE. */
export function refuseSharedLogin(
  named: readonly NamedDestination[],
  credentials: DestinationOptions['destinationCredentials'] | undefined,
): void {
  const origins = new Set(named.flatMap(({ endpoint }) => endpoint?.origin.origin ?? []))
  if (credentials === undefined || origins.size < 2) return
  const names = [...origins].join(' and ')
  throw new MirrorError('USAGE', `K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD do not say which registry they are for: ${names}`, {
    hint: 'run docker login for each registry, or pass options.registries',
  })
}

/** How a layout names images. */
export const ownNames: DestinationNaming = { registry: undefined, prefix: '' }

/** How a registry's endpoint names images. */
export function namingAt({ origin, prefix }: Endpoint): DestinationNaming {
  return { registry: origin.host, prefix: prefix.slice(0, -1) }
}

/** Where the destination's credentials are looked for: its own come after those of the files. */
export function credentialsAt(
  { origin }: Endpoint,
  { credentials }: Pick<Connections, 'credentials'>,
  own: DestinationOptions['destinationCredentials'],
): typeof credentials {
  if (own === undefined) return credentials
  return [...credentials, credentialsForOrigin('K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD', origin.origin, { kind: 'basic', ...own })]
}

/** Opens the destination of sources; nothing is sent yet. With `readOnly` a layout is neither made nor claimed. Throws USAGE, LAYOUT_LOCKED, LOCAL_IO. */
export async function openDestination(
  { directory, endpoint }: NamedDestination,
  sources: Sources,
  { destinationCredentials, readOnly = false }: Pick<DestinationOptions, 'destinationCredentials'> & { readonly readOnly?: boolean },
): Promise<RunEnds> {
  const own = endpoint === undefined ? sources.credentials : credentialsAt(endpoint, sources, destinationCredentials)
  // All of a destination is written with one account, so that its first refusal counts.
  const registry = endpoint && sources.opener('destination', own, 1)({ ...endpoint, prefix: '' })
  const layouts = directory === undefined ? undefined : await import('../layout/open-layout.ts')
  const layout = readOnly ? undefined : await layouts?.openLayout(directory ?? '')
  const destination = registry ?? layout ?? (await layouts?.previewLayout(directory ?? ''))
  // Every destination is a registry or a layout.
  if (destination === undefined) throw new MirrorError('INTERNAL', 'the destination is neither a registry nor a layout')
  return {
    ...sources,
    destination,
    registry,
    layout,
    room: directory === undefined ? undefined : new (await import('../layout/disk-room.ts')).DiskRoom(directory),
    naming: endpoint === undefined ? ownNames : namingAt(endpoint),
    async credentialsFor(side, { registry: name, path }, { signal }) {
      const at = side === 'source' ? sources.source.endpoint(name) : endpoint
      const origin = at?.origin.origin ?? ''
      const prefix = side === 'source' ? (at?.prefix ?? '') : ''
      const found = await findCredentials(side === 'source' ? sources.credentials : own, origin, { repository: `${prefix}${path}`, signal })
      return { origin, credentials: found?.credentials }
    },
    async [Symbol.asyncDispose]() {
      await layout?.close()
    },
  }
}

/** Opens a destination for reading back what a run has copied there, with connections and limits of its own. Throws as `readLayout`. */
export async function openReadBack(
  { directory, endpoint }: NamedDestination,
  connections: Connections,
  { destinationCredentials }: Pick<DestinationOptions, 'destinationCredentials'>,
): Promise<ImageSource> {
  if (endpoint === undefined) return (await import('../layout/open-layout.ts')).readLayout(directory)
  return connections.opener('source', credentialsAt(endpoint, connections, destinationCredentials))({ ...endpoint, prefix: '' })
}

/** Opens the ends of a check for reading only; unusable parts of a node's file are skipped with a warning. Throws USAGE and INVALID_CONFIG. */
export async function openCheckedEnds(
  options: SourceOptions & DestinationOptions & { readonly asNode?: boolean | undefined },
  events: RegistryEvents = {},
  callOptions: CallOptions = {},
): Promise<CheckedEnds> {
  const { to, from = {}, asNode = false, registries = '', destinationCredentials } = options
  const directory = to === undefined ? undefined : layoutDirectory(to, 'options.to')
  const endpoint = to === undefined || directory !== undefined ? undefined : parseEndpoint(to, 'options.to')
  const warnings: string[] = []
  const sources = await openSources(options, events, callOptions).catch((error: unknown) => {
    if (!asNode || !isMirrorError(error) || error.code !== 'INVALID_CONFIG') throw error
    // What its TLS files do to the node is for the check of each image to say.
    const others = [...(endpoint === undefined ? [] : ['options.to']), ...(Object.keys(from).length === 0 ? [] : ['options.from'])].join(
      ' and ',
    )
    if (others !== '') warnings.push(`${others}: asked without the TLS and credentials of ${registries}: ${error.message}`)
    return openSources({ ...options, registries: undefined }, events, callOptions)
  })
  const openRegistry = (at: Endpoint): ReadDestination => {
    const registry = sources.opener('source', credentialsAt(at, sources, destinationCredentials))({ origin: at.origin, prefix: '' })
    return { url: `${at.origin.origin}/v2`, place: registry, registry, naming: namingAt(at) }
  }
  const destination = directory === undefined ? endpoint && openRegistry(endpoint) : await readLayoutAt(directory)
  return { ...sources, destination, warnings: [...warnings, ...sources.warnings] }
}

async function readLayoutAt(directory: string): Promise<ReadDestination> {
  const { readLayout } = await import('../layout/open-layout.ts')
  // Like a registry that is down: that is what the check has found, of every image.
  const missing = (error: unknown): ReadablePlace => {
    if (!isMirrorError(error) || error.code !== 'NOT_FOUND') throw error
    return refusingPlace(error.with({ code: 'UNREACHABLE' }))
  }
  const place = await readLayout(directory).then((layout) => sizedLayout(layout, directory), missing)
  return { url: `oci:${directory}`, place, naming: ownNames }
}

/** A layout distinguishes a blob of another size from a missing one. */
function sizedLayout(layout: LayoutReader, directory: string): ReadablePlace {
  return {
    headManifest: (reference, options) => layout.headManifest(reference, options),
    getManifest: (reference, options) => layout.getManifest(reference, options),
    getBlob: (repository, descriptor, options) => layout.getBlob(repository, descriptor, options),
    async headBlob(_repository, { digest, size }) {
      const found = await layout.blobSize(digest)
      if (found === undefined || found === size) return found === size
      throw new MirrorError('INTEGRITY', `the layout ${directory} has ${found} bytes, but the manifest declares ${size}`)
    },
  }
}
