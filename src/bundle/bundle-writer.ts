import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { BlobUpload, ImageDestination, OfferedBlob, OfferOptions } from '../oci/image-destination.ts'
import type { Repository } from '../oci/reference.ts'
import type { UnfinishedBundle } from './unfinished-bundle.ts'

/** A bundle as a place that images are copied to, whose contents are settled before: blobs go to their places, manifests have theirs already. */
export class BundleWriter implements ImageDestination {
  readonly #part: UnfinishedBundle
  readonly #elsewhere: ReadonlySet<Digest>

  /** `elsewhere`: what an earlier bundle brought. */
  constructor(part: UnfinishedBundle, elsewhere: ReadonlySet<Digest>) {
    this.#part = part
    this.#elsewhere = elsewhere
  }

  headManifest(): Promise<Descriptor | undefined> {
    return Promise.resolve(undefined)
  }

  headBlob(_repository: Repository, { digest }: Descriptor): Promise<boolean> {
    return Promise.resolve(this.#has(digest))
  }

  /** A bundle has each blob once, whatever needs it. */
  offerBlob(_repository: Repository, { digest }: Descriptor, { from }: OfferOptions = {}): Promise<OfferedBlob> {
    if (this.#has(digest)) return Promise.resolve({ kind: from === undefined ? 'present' : 'mounted' })
    const put: BlobUpload['put'] = async (open) => {
      await this.#part.write(digest, await open())
      return true
    }
    return Promise.resolve({ kind: 'upload', upload: { put, cancel: () => Promise.resolve() } })
  }

  putManifest(): Promise<void> {
    return Promise.resolve()
  }

  #has(digest: Digest): boolean {
    return this.#part.has(digest) || this.#elsewhere.has(digest)
  }
}
