import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { BlobStore } from './blob-store.ts'
import type { Catalogue } from './catalogue.ts'
import { storedLinks, type ManifestLinks } from './manifest-links.ts'

/** Which manifests of a layout refer to a piece of content. */
export class Parents {
  readonly #parents = new Map<Digest, Set<Digest>>()
  /** Manifests that entries of index.json without a name need. */
  readonly #kept = new Set<Digest>()

  /** Reads every manifest of the catalogue, and below the entries without a name, which are kept. */
  static async read(blobs: BlobStore, catalogue: Catalogue, unnamed: readonly Descriptor[]): Promise<Parents> {
    const parents = new Parents()
    const seen = new Set<Digest>()
    const read = async (digest: Digest, mediaType?: string): Promise<ManifestLinks | undefined> => {
      if (seen.has(digest)) return undefined
      seen.add(digest)
      const links = await storedLinks(blobs, digest, mediaType)
      if (links !== undefined) parents.add(digest, links)
      return links
    }
    const keep = async (digest: Digest): Promise<void> => {
      if (parents.#kept.has(digest)) return
      parents.#kept.add(digest)
      for (const child of (await read(digest))?.manifests ?? []) await keep(child.digest)
    }
    for (const { digest } of unnamed) await keep(digest)
    for (const repository of catalogue.repositories())
      for (const { descriptor } of catalogue.manifests(repository)) await read(descriptor.digest, descriptor.mediaType)
    return parents
  }

  of(digest: Digest): ReadonlySet<Digest> {
    return this.#parents.get(digest) ?? new Set()
  }

  /** True for content that a manifest or an entry without a name needs. */
  need(digest: Digest): boolean {
    return this.#parents.has(digest) || this.#kept.has(digest)
  }

  add(parent: Digest, links: ManifestLinks): void {
    for (const { digest } of [...links.manifests, ...links.blobs]) {
      const parents = this.#parents.get(digest)
      if (parents === undefined) this.#parents.set(digest, new Set([parent]))
      else parents.add(parent)
    }
  }

  /** Forgets a manifest that no repository has any more, unless an entry without a name needs it. */
  remove(parent: Digest): void {
    if (this.#kept.has(parent)) return
    for (const [digest, parents] of this.#parents) if (parents.delete(parent) && parents.size === 0) this.#parents.delete(digest)
  }
}
