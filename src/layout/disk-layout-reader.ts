import type { Content } from '../async/content.ts'
import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { hasDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions } from '../oci/image-source.ts'
import { maxManifestBytes, type Manifest } from '../oci/manifest.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { BlobPart, BlobStore } from './blob-store.ts'
import type { Catalogue } from './catalogue.ts'
import type { LayoutReader, Referrer, ReferrerOptions } from './layout.ts'
import type { SkippedEntry } from './name-entries.ts'
import { ReferrerReader } from './referrer-reader.ts'

/** The opened parts of a layout. */
export interface LayoutParts {
  readonly directory: string
  readonly blobs: BlobStore
  readonly catalogue: Catalogue
  readonly skipped: readonly SkippedEntry[]
}

/** An OCI image layout on disk: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md */
export class DiskLayoutReader implements LayoutReader {
  readonly directory: string
  readonly skipped: readonly SkippedEntry[]
  protected readonly blobs: BlobStore
  protected readonly catalogue: Catalogue
  readonly #referrers: ReferrerReader

  constructor(parts: LayoutParts) {
    this.directory = parts.directory
    this.skipped = parts.skipped
    this.blobs = parts.blobs
    this.catalogue = parts.catalogue
    this.#referrers = new ReferrerReader(parts.blobs)
  }

  repositories(): readonly Repository[] {
    return this.catalogue.repositories()
  }

  hasRepository(repository: Repository): boolean {
    return this.catalogue.has(repository)
  }

  knowsRepository(repository: Repository): boolean {
    return this.catalogue.knows(repository)
  }

  tags(repository: Repository): readonly string[] {
    return this.catalogue.tags(repository)
  }

  async headManifest(reference: Reference, _options?: CallOptions): Promise<Descriptor | undefined> {
    const descriptor = this.catalogue.find(reference)?.descriptor
    if (descriptor === undefined || (await this.blobs.size(descriptor.digest)) !== descriptor.size) return undefined
    return descriptor
  }

  async getManifest(reference: Reference, _options?: CallOptions): Promise<Manifest> {
    const descriptor = this.catalogue.find(reference)?.descriptor
    const bytes = descriptor === undefined ? undefined : await this.blobs.readWhole(descriptor.digest, maxManifestBytes)
    if (descriptor === undefined || bytes === undefined)
      throw new MirrorError('NOT_FOUND', `the layout ${this.directory} has no ${formatReference(reference)}`)
    if (!hasDigest(bytes, descriptor.digest)) {
      throw new MirrorError('INTEGRITY', `the manifest ${descriptor.digest} is damaged in the layout ${this.directory}`, {
        hint: 'Copy the image into the layout again.',
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

  readBlob(digest: Digest, part?: BlobPart): Promise<Content | undefined> {
    return this.blobs.read(digest, part)
  }

  verifyBlob(digest: Digest, options?: CallOptions): Promise<boolean> {
    return this.blobs.verify(digest, options)
  }

  async *referrers(repository: Repository, subject: Digest, { after }: ReferrerOptions = {}): AsyncGenerator<Referrer, void> {
    for (const descriptor of this.catalogue.referrers(repository, subject, after)) {
      const referrer = await this.#referrers.describe(descriptor)
      if (referrer !== undefined) yield referrer
    }
  }
}
