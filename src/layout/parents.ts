import { isMirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import type { BlobStore } from './blob-store.ts'
import { readLinks, type ManifestLinks } from './manifest-links.ts'

/** The links of a stored manifest; undefined when it is absent or not a manifest. */
export async function storedLinks(blobs: BlobStore, digest: Digest, mediaType?: string): Promise<ManifestLinks | undefined> {
  const bytes = await blobs.readWhole(digest, maxManifestBytes)
  if (bytes === undefined) return undefined
  try {
    return readLinks(bytes, mediaType)
  } catch (error) {
    if (isMirrorError(error) && (error.code === 'INVALID_MANIFEST' || error.code === 'UNSUPPORTED')) return undefined
    throw error
  }
}

/** Which manifests refer to a piece of content. */
export class Parents {
  readonly #parents = new Map<Digest, Set<Digest>>()

  /** The manifests that refer to this content. */
  of(digest: Digest): ReadonlySet<Digest> {
    return this.#parents.get(digest) ?? new Set()
  }

  /** Adds what a manifest refers to. */
  add(parent: Digest, links: ManifestLinks): void {
    for (const { digest } of [...links.manifests, ...links.blobs]) {
      const parents = this.#parents.get(digest)
      if (parents === undefined) this.#parents.set(digest, new Set([parent]))
      else parents.add(parent)
    }
  }

  /** Forgets a manifest that no repository has any more. */
  remove(parent: Digest): void {
    for (const [digest, parents] of this.#parents) {
      if (parents.delete(parent) && parents.size === 0) this.#parents.delete(digest)
    }
  }
}
