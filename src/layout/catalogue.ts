import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Reference, type Repository } from '../oci/reference.ts'

/** A manifest of a repository, and what it is about. */
export interface CataloguedManifest {
  readonly descriptor: Descriptor
  readonly subject?: Digest | undefined
}

interface CataloguedRepository {
  readonly repository: Repository
  readonly tags: Map<string, Digest>
  readonly manifests: Map<Digest, CataloguedManifest>
}

/** Which repositories a layout has, with their tags and manifests: index.json and the journal, in memory. */
export class Catalogue {
  readonly #repositories = new Map<string, CataloguedRepository>()

  /** Every repository that has a manifest. */
  repositories(): Repository[] {
    return [...this.#repositories.values()].filter(({ manifests }) => manifests.size > 0).map(({ repository }) => repository)
  }

  /** True when the repository has a manifest. */
  has(repository: Repository): boolean {
    return (this.#find(repository)?.manifests.size ?? 0) > 0
  }

  /** True when the repository has a manifest, or has had one. */
  knows(repository: Repository): boolean {
    return this.#find(repository) !== undefined
  }

  /** The repository's tags in the order of their bytes. */
  tags(repository: Repository): string[] {
    return [...(this.#find(repository)?.tags.keys() ?? [])].toSorted((a, b) => (a < b ? -1 : 1))
  }

  /** The tags that name this manifest. */
  tagsOf(repository: Repository, digest: Digest): string[] {
    return [...(this.#find(repository)?.tags ?? [])].filter(([, tagged]) => tagged === digest).map(([tag]) => tag)
  }

  /** The manifest that a tag or digest names; where both are given the digest decides. */
  find(reference: Reference): CataloguedManifest | undefined {
    const found = this.#find(reference)
    const digest = reference.digest ?? (reference.tag === undefined ? undefined : found?.tags.get(reference.tag))
    return digest === undefined ? undefined : found?.manifests.get(digest)
  }

  /** Every manifest of a repository. */
  manifests(repository: Repository): CataloguedManifest[] {
    return [...(this.#find(repository)?.manifests.values() ?? [])]
  }

  /** The manifests of a repository that are about this one, in the order of their digests and after a given one. */
  referrers(repository: Repository, subject: Digest, after: Digest | undefined): Descriptor[] {
    const about = this.manifests(repository).filter((manifest) => manifest.subject === subject)
    const descriptors = about.map(({ descriptor }) => descriptor).filter(({ digest }) => after === undefined || digest > after)
    return descriptors.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
  }

  /** True when any repository has the manifest. */
  hasAnywhere(digest: Digest): boolean {
    return [...this.#repositories.values()].some(({ manifests }) => manifests.has(digest))
  }

  /** Adds a manifest. */
  add(repository: Repository, manifest: CataloguedManifest): void {
    const name = formatRepository(repository)
    let found = this.#repositories.get(name)
    if (found === undefined) {
      found = { repository: { registry: repository.registry, path: repository.path }, tags: new Map(), manifests: new Map() }
      this.#repositories.set(name, found)
    }
    found.manifests.set(manifest.descriptor.digest, manifest)
  }

  /** Names a manifest that was added before. */
  tag(repository: Repository, tag: string, digest: Digest): void {
    this.#find(repository)?.tags.set(tag, digest)
  }

  /** Takes a tag away. */
  untag(repository: Repository, tag: string): void {
    this.#find(repository)?.tags.delete(tag)
  }

  /** Takes a manifest away; a repository that has lost its last one is still known. */
  remove(repository: Repository, digest: Digest): void {
    this.#find(repository)?.manifests.delete(digest)
  }

  #find(repository: Repository): CataloguedRepository | undefined {
    return this.#repositories.get(formatRepository(repository))
  }
}
