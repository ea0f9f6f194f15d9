import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Reference, type Repository } from '../oci/reference.ts'
import type { Referrer } from './layout.ts'

/** A manifest of a repository, and what it is about. */
export interface CataloguedManifest {
  readonly descriptor: Descriptor
  readonly subject?: Digest | undefined
}

/** That a repository has a manifest, or, with `deleted`, that it has it no more. */
export interface ManifestRecord extends CataloguedManifest {
  readonly repository: Repository
  readonly deleted?: boolean
}

/** A repository, its tags and its manifests. */
export interface CataloguedRepository {
  readonly repository: Repository
  /** Of a repository that is known although it has no manifest any more. */
  removed?: Descriptor
  readonly tags: Map<string, Digest>
  readonly manifests: Map<Digest, CataloguedManifest>
}

/** Which repositories a layout has, with their tags and manifests: index.json and the journal, in memory. */
export class Catalogue {
  readonly #repositories = new Map<string, CataloguedRepository>()

  repositories(): Repository[] {
    return [...this.#repositories.values()].filter(({ manifests }) => manifests.size > 0).map(({ repository }) => repository)
  }

  /** What a repository has; undefined for one that never had a manifest. */
  of(repository: Repository): CataloguedRepository | undefined {
    return this.#repositories.get(formatRepository(repository))
  }

  tagsOf(repository: Repository, digest: Digest): string[] {
    return [...(this.of(repository)?.tags ?? [])].filter(([, tagged]) => tagged === digest).map(([tag]) => tag)
  }

  /** The manifest that a tag or digest names; where both are given the digest decides. */
  find(reference: Reference): CataloguedManifest | undefined {
    const found = this.of(reference)
    const digest = reference.digest ?? (reference.tag === undefined ? undefined : found?.tags.get(reference.tag))
    return digest === undefined ? undefined : found?.manifests.get(digest)
  }

  manifests(repository: Repository): CataloguedManifest[] {
    return [...(this.of(repository)?.manifests.values() ?? [])]
  }

  /** How many records `records` gives, at most. */
  get size(): number {
    return [...this.#repositories.values()].reduce((sum, { manifests }) => sum + Math.max(2, manifests.size), 0)
  }

  /** What has to be recorded for another catalogue to become this one, but for its tags. */
  *records(): Generator<ManifestRecord> {
    for (const { repository, manifests, removed } of this.#repositories.values()) {
      for (const manifest of manifests.values()) yield { repository, ...manifest }
      if (manifests.size > 0 || removed === undefined) continue
      yield { repository, descriptor: removed }
      yield { repository, descriptor: removed, deleted: true }
    }
  }

  hasAnywhere(digest: Digest): boolean {
    return [...this.#repositories.values()].some(({ manifests }) => manifests.has(digest))
  }

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
    this.of(repository)?.tags.set(tag, digest)
  }

  untag(repository: Repository, tag: string): void {
    this.of(repository)?.tags.delete(tag)
  }

  /** Takes a manifest away; a repository that has lost its last one is still known. */
  remove(repository: Repository, digest: Digest): void {
    const found = this.of(repository)
    const manifest = found?.manifests.get(digest)
    if (found === undefined || manifest === undefined) return
    found.manifests.delete(digest)
    found.removed = manifest.descriptor
  }
}

/** The images that a catalogue knows, as a LayoutReader lists them. */
export abstract class CataloguedImages {
  protected readonly catalogue: Catalogue

  constructor(catalogue: Catalogue) {
    this.catalogue = catalogue
  }

  repositories(): readonly Repository[] {
    return this.catalogue.repositories()
  }

  hasRepository(repository: Repository): boolean {
    return (this.catalogue.of(repository)?.manifests.size ?? 0) > 0
  }

  knowsRepository(repository: Repository): boolean {
    return this.catalogue.of(repository) !== undefined
  }

  tags(repository: Repository): readonly string[] {
    return [...(this.catalogue.of(repository)?.tags.keys() ?? [])].toSorted()
  }

  async *referrers(
    repository: Repository,
    subject: Digest,
    { after = '' }: { after?: string | undefined } = {},
  ): AsyncGenerator<Referrer, void> {
    const found = this.catalogue.manifests(repository).filter((one) => one.subject === subject && one.descriptor.digest > after)
    for (const { descriptor } of found.toSorted((a, b) => (a.descriptor.digest < b.descriptor.digest ? -1 : 1))) {
      const referrer = await this.readReferrer(descriptor)
      if (referrer !== undefined) yield referrer
    }
  }

  /** What a list of referrers says of a manifest; undefined where it is gone. */
  protected abstract readReferrer(descriptor: Descriptor): Promise<Referrer | undefined>
}
