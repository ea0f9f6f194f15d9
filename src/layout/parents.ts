import { isDigest, type Digest } from '../oci/digest.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import type { BlobStore } from './blob-store.ts'
import type { Catalogue } from './catalogue.ts'
import { storedLinks, type ManifestLinks } from './manifest-links.ts'

const mentioned = /sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}/g

/** Which manifests of a layout refer to a piece of content, and to what each of them refers. */
export class Parents {
  readonly #parents = new Map<Digest, Set<Digest>>()
  readonly #children = new Map<Digest, ReadonlySet<Digest>>()
  /** What entries of index.json lead to that stand for no tag. */
  readonly #kept = new Set<Digest>()

  /** Reads every manifest of the catalogue with all that is below it, and below `kept`, which is kept for good. Manifests that are stored meanwhile have to be added. */
  async read(blobs: BlobStore, catalogue: Catalogue, kept: readonly Digest[]): Promise<void> {
    const seen = new Set<Digest>()
    const readAll = async (top: Digest, mediaType?: string): Promise<void> => {
      const waiting: { digest: Digest; mediaType?: string | undefined }[] = [{ digest: top, mediaType }]
      for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
        if (seen.has(one.digest)) continue
        seen.add(one.digest)
        const links = await storedLinks(blobs, one.digest, one.mediaType)
        if (links === undefined) await this.#addMentioned(blobs, one.digest)
        else this.add(one.digest, links)
        // A repository may lack a child that the layout has; what other tools find through the index is needed too.
        waiting.push(...(links?.manifests ?? []))
      }
    }
    for (const repository of catalogue.repositories())
      for (const { descriptor } of catalogue.manifests(repository)) await readAll(descriptor.digest, descriptor.mediaType)
    for (const digest of kept) {
      // An entry of index.json may call a Docker manifest by the OCI type.
      await readAll(digest)
      this.#keep(digest)
    }
  }

  /** Content of an unknown form refers to every digest in its text. */
  async #addMentioned(blobs: BlobStore, digest: Digest): Promise<void> {
    const bytes = await blobs.readWhole(digest, maxManifestBytes)
    const digests = (bytes && Buffer.from(bytes).toString('latin1').match(mentioned))?.filter(isDigest) ?? []
    if (digests.length > 0) this.#link(digest, digests)
  }

  #keep(digest: Digest): void {
    if (this.#kept.has(digest)) return
    this.#kept.add(digest)
    for (const child of this.childrenOf(digest)) this.#keep(child)
  }

  of(digest: Digest): ReadonlySet<Digest> {
    return this.#parents.get(digest) ?? new Set()
  }

  /** What a manifest refers to; nothing for other content. */
  childrenOf(digest: Digest): ReadonlySet<Digest> {
    return this.#children.get(digest) ?? new Set()
  }

  /** True for content that a manifest or an entry without a tag needs. */
  need(digest: Digest): boolean {
    return this.#parents.has(digest) || this.#kept.has(digest)
  }

  /** True for content that an entry without a tag needs. */
  keeps(digest: Digest): boolean {
    return this.#kept.has(digest)
  }

  add(parent: Digest, { manifests, blobs, elsewhere }: ManifestLinks): void {
    this.#link(
      parent,
      [...manifests, ...blobs, ...elsewhere].map(({ digest }) => digest),
    )
  }

  #link(parent: Digest, children: readonly Digest[]): void {
    this.#children.set(parent, new Set(children))
    for (const digest of children) {
      const parents = this.#parents.get(digest)
      if (parents === undefined) this.#parents.set(digest, new Set([parent]))
      else parents.add(parent)
    }
  }

  /** Forgets a manifest that is gone; returns what it referred to. */
  remove(parent: Digest): ReadonlySet<Digest> {
    const children = this.childrenOf(parent)
    this.#children.delete(parent)
    for (const digest of children) {
      const parents = this.#parents.get(digest)
      if (parents?.delete(parent) === true && parents.size === 0) this.#parents.delete(digest)
    }
    return children
  }
}
