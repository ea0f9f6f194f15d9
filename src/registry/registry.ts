import type { Content } from '../async/content.ts'
import { onSide } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import { getBlob, headBlob } from './blobs.ts'
import { deleteTag } from './delete-tag.ts'
import { getManifest, headManifest, putManifest } from './manifests.ts'
import type { RateLimit } from './rate-limit.ts'
import { listTags } from './tags.ts'
import { RegistryTransport, type TransportOptions } from './transport.ts'
import { Uploads } from './uploads.ts'

/** A registry as a place that images are read from and written to: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md */
export class Registry implements ImageSource, ImageDestination {
  readonly #transport: RegistryTransport
  readonly #uploads: Uploads

  constructor(options: TransportOptions) {
    this.#transport = new RegistryTransport(options)
    this.#uploads = new Uploads(this.#transport)
  }

  /** The pull quota as the registry last stated it. */
  get rateLimit(): RateLimit | undefined {
    return this.#transport.rateLimit
  }

  headManifest(reference: Reference, options: CallOptions = {}): Promise<Descriptor | undefined> {
    return this.#tagged(headManifest(this.#transport, reference, { ...options, lenient: this.#transport.side === 'destination' }))
  }

  getManifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    return this.#tagged(getManifest(this.#transport, reference, options))
  }

  getBlob(repository: Repository, descriptor: Descriptor, options: GetBlobOptions = {}): Promise<Content> {
    return this.#tagged(getBlob(this.#transport, repository, descriptor, options))
  }

  headBlob(repository: Repository, descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    return this.#tagged(headBlob(this.#transport, repository, descriptor, options))
  }

  mountBlob(repository: Repository, digest: Digest, from: Repository, options: CallOptions = {}): Promise<boolean> {
    return this.#tagged(this.#uploads.mountBlob(repository, digest, from, options))
  }

  putBlob(repository: Repository, descriptor: Descriptor, open: () => Promise<Content>, options: CallOptions = {}): Promise<boolean> {
    return this.#tagged(this.#uploads.putBlob(repository, descriptor, open, options))
  }

  putManifest(reference: Reference, manifest: Manifest, options: CallOptions = {}): Promise<void> {
    return this.#tagged(putManifest(this.#transport, reference, manifest, options))
  }

  /** Every tag of a repository, in the registry's order; throws NOT_FOUND for an unknown one. */
  listTags(repository: Repository, options: CallOptions = {}): Promise<readonly string[]> {
    return this.#tagged(listTags(this.#transport, repository, options))
  }

  /** Takes a tag away; false where the registry does not do that. */
  deleteTag(reference: Reference, options: CallOptions = {}): Promise<boolean> {
    return this.#tagged(deleteTag(this.#transport, this.#uploads, reference, options))
  }

  /** Cancels what was left open. */
  close(): Promise<void> {
    return this.#uploads.close()
  }

  async #tagged<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw onSide(this.#transport.side, error)
    }
  }
}
