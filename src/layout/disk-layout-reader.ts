import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { hasDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions } from '../oci/image-source.ts'
import { maxManifestBytes, type Manifest } from '../oci/manifest.ts'
import { isIndexType } from '../oci/media-type.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { BlobRange, BlobStore } from './blob-store.ts'
import { CataloguedImages, type Catalogue } from './catalogue.ts'
import { InTurn } from './in-turn.ts'
import type { LayoutReader, Referrer } from './layout.ts'
import { referrerOf, storedLinks } from './manifest-links.ts'
import type { SkippedEntry } from './name-entries.ts'

/** What is read of a layout when it is opened. */
export interface OpenedLayout {
  readonly directory: string
  readonly blobs: BlobStore
  readonly catalogue: Catalogue
  readonly skipped: readonly SkippedEntry[]
  /** The releases of tags, by full reference. */
  readonly releases: ReadonlyMap<string, readonly string[]>
  /** Images that index.json names by their digest only, by that name. */
  readonly pinned: Map<string, Reference>
}

/** An OCI image layout on disk: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md */
export class DiskLayoutReader extends CataloguedImages implements LayoutReader {
  readonly directory: string
  readonly skipped: readonly SkippedEntry[]
  readonly #pinned: ReadonlyMap<string, Reference>
  protected readonly blobs: BlobStore
  protected readonly readReferrer: ReturnType<typeof referrerReader>
  readonly #releases: ReadonlyMap<string, readonly string[]>

  constructor({ directory, blobs, catalogue, skipped, pinned, releases }: OpenedLayout) {
    super(catalogue)
    this.directory = directory
    this.skipped = skipped
    this.#pinned = pinned
    this.blobs = blobs
    this.readReferrer = referrerReader(blobs)
    this.#releases = releases
  }

  releases({ registry, path }: Repository, tag: string): readonly string[] {
    return this.#releases.get(formatReference({ registry, path, tag })) ?? []
  }

  storedBytes(): Promise<number> {
    return this.blobs.storedBytes()
  }

  /** Every image by its full name, in the order of the names, and how many manifests no name leads to: an earlier image of a tag, or one stored by digest. */
  async names(): Promise<{ readonly references: readonly Reference[]; readonly untagged: number }> {
    const tagged = this.repositories().flatMap((repository) => this.tags(repository).map((tag) => ({ ...repository, tag })))
    const references = [...new Map([...tagged, ...this.#pinned.values()].map((reference) => [formatReference(reference), reference]))]
    let untagged = 0
    for (const repository of this.repositories()) untagged += await this.#countUntagged(repository)
    return { references: references.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, reference]) => reference), untagged }
  }

  async #countUntagged(repository: Repository): Promise<number> {
    const manifests = this.catalogue.manifests(repository)
    const reached = new Set<Digest>(this.catalogue.of(repository)?.tags.values())
    for (const { digest } of this.#pinned.values()) if (digest !== undefined) reached.add(digest)
    if (manifests.every(({ descriptor }) => reached.has(descriptor.digest))) return 0
    for (const { descriptor } of manifests.filter((one) => isIndexType(one.descriptor.mediaType)))
      for (const child of (await storedLinks(this.blobs, descriptor.digest, descriptor.mediaType))?.manifests ?? [])
        reached.add(child.digest)
    return manifests.filter(({ descriptor, subject }) => subject === undefined && !reached.has(descriptor.digest)).length
  }

  async headManifest(reference: Reference, _options?: CallOptions): Promise<Descriptor | undefined> {
    const descriptor = this.catalogue.find(reference)?.descriptor
    return descriptor && (await this.blobs.size(descriptor.digest)) === descriptor.size ? descriptor : undefined
  }

  async getManifest(reference: Reference, _options?: CallOptions): Promise<Manifest> {
    const descriptor = this.catalogue.find(reference)?.descriptor
    const bytes = descriptor && (await this.blobs.readWhole(descriptor.digest, maxManifestBytes))
    if (descriptor === undefined || bytes === undefined) {
      const subject = formatReference(reference)
      throw new MirrorError('NOT_FOUND', `${subject} not found in the layout ${this.directory}`, { subject })
    }
    if (!hasDigest(bytes, descriptor.digest)) {
      throw new MirrorError('INTEGRITY', `the manifest ${descriptor.digest} is damaged in the layout ${this.directory}`, {
        hint: 'copy the image into the layout again',
      })
    }
    return { bytes, descriptor }
  }

  async getBlob(_repository: Repository, descriptor: Descriptor, options: GetBlobOptions = {}): Promise<Content> {
    const content = await this.blobs.read(descriptor.digest, options)
    if (content !== undefined && content.size + (options.offset ?? 0) === descriptor.size) return content
    content?.cancel()
    throw new MirrorError('NOT_FOUND', `the layout ${this.directory} has no blob ${descriptor.digest} of ${descriptor.size} bytes`)
  }

  async headBlob(_repository: Repository, descriptor: Descriptor, _options?: CallOptions): Promise<boolean> {
    return (await this.blobs.size(descriptor.digest)) === descriptor.size
  }

  blobSize(digest: Digest): Promise<number | undefined> {
    return this.blobs.size(digest)
  }

  readBlob(digest: Digest, range?: BlobRange): Promise<Content | undefined> {
    return this.blobs.read(digest, range)
  }

  verifyBlob(digest: Digest, options?: CallOptions): Promise<boolean> {
    return this.blobs.verify(digest, options)
  }
}

const maxRememberedBytes = 8 * 1024 * 1024

/** Reads what lists of referrers say of stored manifests: one at a time, because each may take megabytes, and the latest ones once. */
function referrerReader(blobs: BlobStore): (descriptor: Descriptor) => Promise<Referrer | undefined> {
  const turns = new InTurn()
  const known = new Map<Digest, { readonly referrer: Referrer; readonly bytes: number }>()
  let remembered = 0
  const read = async (descriptor: Descriptor): Promise<Referrer | undefined> => {
    const { digest, mediaType } = descriptor
    if (known.has(digest)) return known.get(digest)?.referrer
    const links = await storedLinks(blobs, digest, mediaType)
    if (links === undefined) return undefined
    const referrer = referrerOf(descriptor, links)
    const { length } = JSON.stringify(referrer)
    known.set(digest, { referrer, bytes: length })
    remembered += length
    for (const [oldest, { bytes }] of known) {
      if (remembered <= maxRememberedBytes) break
      known.delete(oldest)
      remembered -= bytes
    }
    return referrer
  }
  return async (descriptor) => known.get(descriptor.digest)?.referrer ?? turns.run('read', () => read(descriptor))
}
