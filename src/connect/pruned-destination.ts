import { isMirrorError, MirrorError, type ErrorCode } from '../errors.ts'
import type { Layout, LayoutReader } from '../layout/layout.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import type { PrunedPlace } from '../prune/pruned-place.ts'
import type { Registry } from '../registry/registry.ts'
import { openConnections, type Connections, type RegistryEvents } from './clients.ts'
import { credentialsAt, namingAt, ownNames, parseDestination, type DestinationNaming, type DestinationOptions } from './destination.ts'

/** A destination that images are removed from, and the connections to it. */
export interface PrunedDestination extends Connections {
  readonly place: PrunedPlace
  readonly naming: DestinationNaming
  /** True where it is a layout, which keeps the blobs of what was removed. */
  readonly isLayout: boolean
  /** Asks, after a failure, whether the destination can be used at all. Throws why not. */
  checkAccess(images: readonly Reference[], options?: CallOptions): Promise<void>
}

/** How it is opened. */
interface PrunedOptions extends DestinationOptions {
  readonly to: string
  /** A layout is neither made nor claimed. */
  readonly readOnly: boolean
}

/** Opens a destination that images are removed from; nothing is sent yet. Throws USAGE, INVALID_CONFIG, and for a layout NOT_FOUND, LAYOUT_LOCKED, LOCAL_IO. */
export async function openPrunedDestination(
  options: PrunedOptions,
  events: RegistryEvents = {},
  { signal }: CallOptions = {},
): Promise<PrunedDestination> {
  const { directory, endpoint } = parseDestination(options.to)
  const connections = await openConnections(options, events, { signal })
  if (endpoint === undefined) return { ...connections, ...(await openLayoutAt(directory, options.readOnly, connections)) }
  // As a source it asks for no more rights than a request needs.
  const open = connections.opener('source', credentialsAt(endpoint, connections, options.destinationCredentials), 1)
  const registry = open({ ...endpoint, prefix: '' })
  const naming = namingAt(endpoint)
  return {
    ...connections,
    place: registryPlace(registry, naming),
    naming,
    isLayout: false,
    checkAccess: (images, callOptions) => registry.checkAccess(images, callOptions),
  }
}

/** What registries answer that do not list referrers. */
const withoutReferrers: ReadonlySet<ErrorCode> = new Set(['NOT_FOUND', 'UNSUPPORTED', 'PROTOCOL', 'DENIED', 'UNAUTHORIZED'])

/** A registry as a place that images are removed from. */
export function registryPlace(registry: Registry, { registry: host = '', prefix }: DestinationNaming): PrunedPlace {
  let listsReferrers = true
  return {
    headManifest: (reference, options) => registry.headManifest(reference, options),
    getManifest: (reference, options) => registry.getManifest(reference, options),
    getBlob: (repository, descriptor, options) => registry.getBlob(repository, descriptor, options),
    putManifest: (reference, manifest, options) => registry.putManifest(reference, manifest, options),
    listTags: (repository, options) => registry.listTags(repository, options),
    listRepositories: async (options) => (await registry.listRepositories(prefix, options)).map((path) => ({ registry: host, path })),
    async listReferrers(repository, subject, options) {
      if (!listsReferrers) return []
      try {
        return await registry.listReferrers(repository, subject, options)
      } catch (error) {
        if (!isMirrorError(error) || !withoutReferrers.has(error.code)) throw error
        listsReferrers = false
        return []
      }
    },
    removeTag: (reference, options) => registry.removeTag(reference, options),
    removeManifest: (repository, digest, options) => registry.removeManifest(repository, digest, options),
  }
}

type OpenedPlace = Pick<PrunedDestination, 'place' | 'naming' | 'isLayout' | 'checkAccess' | typeof Symbol.asyncDispose>

async function openLayoutAt(directory: string, readOnly: boolean, connections: AsyncDisposable): Promise<OpenedPlace> {
  const layouts = await import('../layout/open-layout.ts')
  // Opening a layout for writing would make a missing one.
  const reader = await layouts.readLayout(directory)
  const layout = readOnly ? undefined : await layouts.openLayout(directory)
  return {
    place: layoutPlace(layout ?? reader, layout, directory),
    naming: ownNames,
    isLayout: true,
    checkAccess: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      await layout?.close()
      await connections[Symbol.asyncDispose]()
    },
  }
}

function layoutPlace(reader: LayoutReader, layout: Layout | undefined, directory: string): PrunedPlace {
  const writable = (): Layout => {
    if (layout === undefined) throw new MirrorError('INTERNAL', `the layout ${directory} is open for reading only`)
    return layout
  }
  return {
    headManifest: (reference, options) => reader.headManifest(reference, options),
    getManifest: (reference, options) => reader.getManifest(reference, options),
    getBlob: (repository, descriptor, options) => reader.getBlob(repository, descriptor, options),
    putManifest: (reference, manifest, options) => writable().putManifest(reference, manifest, options),
    listTags: (repository) => Promise.resolve(reader.tags(repository)),
    listRepositories: () => Promise.resolve(reader.repositories()),
    async listReferrers(repository, subject) {
      const found: Digest[] = []
      for await (const { digest } of reader.referrers(repository, subject)) found.push(digest)
      return found
    },
    async removeTag({ tag = '', ...repository }) {
      await writable().deleteTag(repository, tag)
      return true
    },
    async removeManifest(repository, digest) {
      if ((await writable().deleteManifest(repository, digest)) !== 'referenced') return
      throw new MirrorError('UNSUPPORTED', `${formatReference({ ...repository, digest })} is part of an index in the layout ${directory}`)
    },
  }
}
