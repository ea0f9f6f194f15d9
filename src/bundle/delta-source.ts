import type { Content } from '../async/content.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, GetBlobOptions, ImageSource } from '../oci/image-source.ts'
import type { Manifest } from '../oci/manifest.ts'
import { atDigest, type Reference, type Repository } from '../oci/reference.ts'

/** The images of a bundle that holds only what an earlier one lacks: the rest is read from where the earlier one was pushed to. */
export class DeltaSource implements ImageSource {
  readonly #bundle: ImageSource
  readonly #elsewhere: ImageSource
  readonly #places: ReadonlyMap<Digest, Repository>

  /** `places`: by digest, the repository of `elsewhere` that has the content. */
  constructor(bundle: ImageSource, elsewhere: ImageSource, places: ReadonlyMap<Digest, Repository>) {
    this.#bundle = bundle
    this.#elsewhere = elsewhere
    this.#places = places
  }

  headManifest(reference: Reference, options?: CallOptions): Promise<Descriptor | undefined> {
    return this.#bundle.headManifest(reference, options)
  }

  async getManifest(reference: Reference, options?: CallOptions): Promise<Manifest> {
    const digest = reference.digest ?? (await this.#bundle.headManifest(reference, options))?.digest
    const place = digest && this.#places.get(digest)
    if (digest === undefined || place === undefined) return this.#bundle.getManifest(reference, options)
    return this.#elsewhere.getManifest(atDigest(place, digest), options)
  }

  getBlob(repository: Repository, descriptor: Descriptor, options?: GetBlobOptions): Promise<Content> {
    const place = this.#places.get(descriptor.digest)
    return place === undefined ? this.#bundle.getBlob(repository, descriptor, options) : this.#elsewhere.getBlob(place, descriptor, options)
  }
}
