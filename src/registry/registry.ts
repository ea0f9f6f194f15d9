import type { Content } from '../async/content.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Reference, Repository } from '../oci/reference.ts'
import { onSide } from '../errors.ts'
import { getBlob, headBlob } from './blobs.ts'
import { getManifest, headManifest, putManifest } from './manifests.ts'
import { deleteTag } from './delete-tag.ts'
import type { RateLimit } from './rate-limit.ts'
import { RegistrySession, type SessionOptions } from './session.ts'
import { listTags } from './tags.ts'
import { Uploads } from './uploads.ts'

/** A registry as a place that images are read from and written to: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md */
export class Registry implements ImageSource, ImageDestination {
  readonly #session: RegistrySession
  readonly #uploads: Uploads

  constructor(options: SessionOptions) {
    this.#session = new RegistrySession(options)
    this.#uploads = new Uploads(this.#session)
  }

  /** The pull quota as the registry last stated it. */
  get rateLimit(): RateLimit | undefined {
    return this.#session.rateLimit
  }

  headManifest(reference: Reference, options: CallOptions = {}): Promise<Descriptor | undefined> {
    return this.#tagged(headManifest(this.#session, reference, { ...options, lenient: this.#session.side === 'destination' }))
  }

  getManifest(reference: Reference, options: CallOptions = {}): Promise<Manifest> {
    return this.#tagged(getManifest(this.#session, reference, options))
  }

  getBlob(repository: Repository, descriptor: Descriptor, options: GetBlobOptions = {}): Promise<Content> {
    return this.#tagged(getBlob(this.#session, repository, descriptor, options))
  }

  headBlob(repository: Repository, descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    return this.#tagged(headBlob(this.#session, repository, descriptor, options))
  }

  mountBlob(repository: Repository, digest: Digest, from: Repository, options: CallOptions = {}): Promise<boolean> {
    return this.#tagged(this.#uploads.mountBlob(repository, digest, from, options))
  }

  putBlob(repository: Repository, descriptor: Descriptor, open: () => Promise<Content>, options: CallOptions = {}): Promise<boolean> {
    return this.#tagged(this.#uploads.putBlob(repository, descriptor, open, options))
  }

  putManifest(reference: Reference, manifest: Manifest, options: CallOptions = {}): Promise<void> {
    return this.#tagged(putManifest(this.#session, reference, manifest, options))
  }

  /** Every tag of a repository, in the registry's order; throws NOT_FOUND for an unknown one. */
  listTags(repository: Repository, options: CallOptions = {}): Promise<readonly string[]> {
    return this.#tagged(listTags(this.#session, repository, options))
  }

  /** Takes a tag away; false where the registry does not do that. */
  deleteTag(reference: Reference, options: CallOptions = {}): Promise<boolean> {
    return this.#tagged(deleteTag(this.#session, this.#uploads, reference, options))
  }

  /** Cancels what was left open. */
  close(): Promise<void> {
    return this.#uploads.close()
  }

  async #tagged<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw onSide(this.#session.side, error)
    }
  }
}
