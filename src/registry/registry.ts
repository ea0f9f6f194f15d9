import type { Content } from '../async/content.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { ImageDestination, OfferedBlob, OfferOptions } from '../oci/image-destination.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import { getBlob, headBlob } from './blobs.ts'
import { deleteTag } from './delete-tag.ts'
import { getManifest, headManifest, putManifest } from './manifests.ts'
import type { PullQuota } from './rate-limit.ts'
import { listTags } from './tags.ts'
import { RegistryTransport, type TransportOptions } from './transport.ts'
import { offerBlob } from './uploads.ts'

/** A registry as a place that images are read from and written to: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md */
export class Registry implements ImageSource, ImageDestination {
  readonly #transport: RegistryTransport

  constructor(options: TransportOptions) {
    this.#transport = new RegistryTransport(options)
  }

  /** The pull quota as the registry last stated it. */
  get rateLimit(): PullQuota | undefined {
    return this.#transport.rateLimit
  }

  headManifest(reference: Reference, options: CallOptions = {}): Promise<Descriptor | undefined> {
    const lenient = this.#transport.side === 'destination'
    return this.#transport.sided(() => headManifest(this.#transport, reference, { ...options, lenient }))
  }

  getManifest(reference: Reference, options?: CallOptions): Promise<Manifest> {
    return this.#transport.sided(() => getManifest(this.#transport, reference, options))
  }

  getBlob(repository: Repository, descriptor: Descriptor, options?: GetBlobOptions): Promise<Content> {
    return this.#transport.sided(() => getBlob(this.#transport, repository, descriptor, options))
  }

  headBlob(repository: Repository, descriptor: Descriptor, options?: CallOptions): Promise<boolean> {
    return this.#transport.sided(() => headBlob(this.#transport, repository, descriptor, options))
  }

  offerBlob(repository: Repository, descriptor: Descriptor, options?: OfferOptions): Promise<OfferedBlob> {
    return this.#transport.sided(() => offerBlob(this.#transport, repository, descriptor, options))
  }

  putManifest(reference: Reference, manifest: Manifest, options?: CallOptions): Promise<void> {
    return this.#transport.sided(() => putManifest(this.#transport, reference, manifest, options))
  }

  /** Every tag of a repository, in the registry's order; throws NOT_FOUND for an unknown one. */
  listTags(repository: Repository, options?: CallOptions): Promise<readonly string[]> {
    return this.#transport.sided(() => listTags(this.#transport, repository, options))
  }

  /** Takes a tag away; false where the registry does not do that. */
  deleteTag(reference: Reference, options?: CallOptions): Promise<boolean> {
    return this.#transport.sided(() => deleteTag(this.#transport, reference, options))
  }
}
