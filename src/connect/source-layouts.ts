import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { DiskLayoutReader } from '../layout/disk-layout-reader.ts'
import { readDiskLayout } from '../layout/open-layout.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import { nearestFirst } from '../oci/nearest.ts'
import { formatReference, formatRepository, type Reference, type Repository } from '../oci/reference.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import type { SourceRegistries } from '../registry/registry.ts'

/** What a run reads images from: registries, and layouts in place of some of them. */
export interface RunSource extends ImageSource, Pick<SourceRegistries, 'checkAccess' | 'endpoint' | 'isDockerHub' | 'rateLimits'> {}

/** Opens the layouts that registries are read from, by registry name, for reading only. Throws NOT_FOUND, USAGE, INVALID_MANIFEST, LOCAL_IO. */
export async function openSourceLayouts(
  directories: ReadonlyMap<string, string>,
): Promise<(registries: SourceRegistries, endpoints: ReadonlyMap<string, Endpoint>) => RunSource> {
  const opened = new Map<string, DiskLayoutReader>()
  const layouts = new Map<string, DiskLayoutReader>()
  for (const [registry, directory] of directories) {
    const layout = opened.get(directory) ?? (await readDiskLayout(directory))
    opened.set(directory, layout)
    layouts.set(registry, layout)
  }
  return (registries, endpoints) => new LayoutsAndRegistries(layouts, registries, endpoints)
}

/** Reads the images of some registries from layouts, by their full names, and all others from their endpoints. */
class LayoutsAndRegistries implements RunSource {
  readonly #layouts: ReadonlyMap<string, DiskLayoutReader>
  readonly #registries: SourceRegistries
  readonly #endpoints: ReadonlyMap<string, Endpoint>

  constructor(layouts: ReadonlyMap<string, DiskLayoutReader>, registries: SourceRegistries, endpoints: ReadonlyMap<string, Endpoint>) {
    this.#layouts = layouts
    this.#registries = registries
    this.#endpoints = endpoints
  }

  endpoint(registry: string): Endpoint {
    return this.#registries.endpoint(registry)
  }

  checkAccess(images: readonly Reference[], options?: CallOptions): Promise<void> {
    return this.#registries.checkAccess(
      images.filter((image) => this.#layout(image) === undefined),
      options,
    )
  }

  isDockerHub(repository: Repository): boolean {
    return this.#layout(repository) === undefined && this.#registries.isDockerHub(repository)
  }

  rateLimits(): ReturnType<SourceRegistries['rateLimits']> {
    return this.#registries.rateLimits()
  }

  /** Throws NOT_FOUND with near names where the layout lacks the image: a generic message could not name the layout. */
  async headManifest(reference: Reference, options?: CallOptions): Promise<Descriptor | undefined> {
    const layout = this.#layout(reference)
    if (layout === undefined) return this.#registries.headManifest(reference, options)
    const found = await layout.headManifest(reference, options)
    if (found === undefined) throw notInLayout(layout, reference)
    return found
  }

  getManifest(reference: Reference, options?: CallOptions): Promise<Manifest> {
    return this.#source(reference).getManifest(reference, options)
  }

  getBlob(repository: Repository, descriptor: Descriptor, options?: GetBlobOptions): Promise<Content> {
    return this.#source(repository).getBlob(repository, descriptor, options)
  }

  async listTags(repository: Repository, options?: CallOptions): Promise<readonly string[]> {
    return this.#layout(repository)?.tags(repository) ?? this.#registries.listTags(repository, options)
  }

  #source(repository: Repository): ImageSource {
    return this.#layout(repository) ?? this.#registries
  }

  /** The registry's own row counts before `*`, whichever of them is a layout. */
  #layout({ registry }: Repository): DiskLayoutReader | undefined {
    return this.#layouts.get(registry) ?? (this.#endpoints.has(registry) ? undefined : this.#layouts.get('*'))
  }
}

const mostNear = 3

/** Most repositories differ in one part only: a tag of the same repository is nearer than any other repository. */
function nearNames(layout: DiskLayoutReader, reference: Reference): readonly string[] {
  const { registry, path, tag = '' } = reference
  const name = formatRepository({ registry, path })
  const tags = layout.tags({ registry, path })
  if (tags.length > 0) return nearestFirst(tag, tags).map((near) => `${name}:${near}`)
  const near = nearestFirst(name, layout.repositories().map(formatRepository)).slice(0, mostNear)
  const named = new Map(layout.repositories().map((repository) => [formatRepository(repository), repository]))
  return near.flatMap((text) => {
    const repository = named.get(text)
    return repository === undefined
      ? []
      : nearestFirst(tag, layout.tags(repository))
          .slice(0, 1)
          .map((one) => `${text}:${one}`)
  })
}

function notInLayout(layout: DiskLayoutReader, reference: Reference): MirrorError {
  const subject = formatReference(reference)
  const near = nearNames(layout, reference).slice(0, mostNear)
  return new MirrorError('NOT_FOUND', `${subject} not found in the layout ${layout.directory}`, {
    side: 'source',
    subject,
    hint:
      near.length > 0 ? `Did you mean ${near.join(', ')}?` : `list its images: k3s-mirror images options.images oci:${layout.directory}`,
  })
}
