import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { BlobStore } from './blob-store.ts'
import { InTurn } from './in-turn.ts'
import type { Referrer } from './layout.ts'
import { referrerOf } from './manifest-links.ts'
import { storedLinks } from './parents.ts'

/** Bytes of JSON that are remembered at most. */
const maxRemembered = 8 * 1024 * 1024

/** Reads what lists of referrers say of manifests: one manifest at a time, because each may take megabytes, and the latest ones once. */
export class ReferrerReader {
  readonly #blobs: BlobStore
  readonly #turns = new InTurn()
  readonly #known = new Map<Digest, { readonly referrer: Referrer; readonly bytes: number }>()
  #bytes = 0

  constructor(blobs: BlobStore) {
    this.#blobs = blobs
  }

  /** The entry of a stored manifest; undefined where it is absent or not a manifest. */
  async describe(descriptor: Descriptor): Promise<Referrer | undefined> {
    return this.#known.get(descriptor.digest)?.referrer ?? this.#turns.run('read', () => this.#read(descriptor))
  }

  async #read(descriptor: Descriptor): Promise<Referrer | undefined> {
    const { digest, mediaType } = descriptor
    const known = this.#known.get(digest)
    if (known !== undefined) return known.referrer
    const links = await storedLinks(this.#blobs, digest, mediaType)
    if (links === undefined) return undefined
    const referrer = referrerOf(descriptor, links)
    const bytes = JSON.stringify(referrer).length
    this.#known.set(digest, { referrer, bytes })
    this.#bytes += bytes
    for (const [oldest, { bytes: freed }] of this.#known) {
      if (this.#bytes <= maxRemembered) break
      this.#known.delete(oldest)
      this.#bytes -= freed
    }
    return referrer
  }
}
