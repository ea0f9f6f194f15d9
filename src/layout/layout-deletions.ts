import { rm } from 'node:fs/promises'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { CataloguedManifest } from './catalogue.ts'
import type { DeletionGate } from './deletion-gate.ts'
import type { OpenedLayout } from './disk-layout-reader.ts'
import { ExpectedContent } from './expected-content.ts'
import { GarbageCollection, type Removal } from './garbage-collection.ts'
import type { InTurn } from './in-turn.ts'
import type { IndexFile } from './index-file.ts'
import type { LayoutClaim } from './layout-claim.ts'
import type { CollectedGarbage, CollectionOptions, Deletion } from './layout.ts'
import type { ManifestJournal } from './manifest-journal.ts'
import type { ManifestLinks } from './manifest-links.ts'
import { Parents } from './parents.ts'
import type { Reserve } from './reserve.ts'

/** What is opened of a layout to be written. */
export interface WritableLayout extends OpenedLayout {
  readonly index: IndexFile
  readonly journal: ManifestJournal
  readonly claim: LayoutClaim
  readonly reserve: Reserve
  /** Entries of index.json that stand for no tag: what they need is kept. */
  readonly kept: readonly Digest[]
}

/** What deletions share with additions. */
export interface DeletionContext {
  readonly opened: WritableLayout
  readonly gate: DeletionGate
  readonly tagTurns: InTurn
  /** Runs a change, which is confirmed only while the layout belongs to this process. */
  readonly fenced: <T>(work: () => Promise<T>) => Promise<T>
}

/** Takes tags, manifests and blobs out of a layout, at request or because nothing needs them. */
export class LayoutDeletions {
  readonly expected: ExpectedContent = new ExpectedContent()
  readonly #context: DeletionContext
  /** Filled once something is deleted, and then with every manifest that is stored. */
  #parents: Parents | undefined
  #reading: Promise<Parents> | undefined

  constructor(context: DeletionContext) {
    this.#context = context
  }

  /** A manifest was stored that no repository had before. */
  added(digest: Digest, links: ManifestLinks): void {
    this.#parents?.add(digest, links)
  }

  /** A manifest has everything that it refers to, and perhaps a tag. */
  stored({ registry, path, tag }: Reference, { digest }: Descriptor, { manifests, blobs, subject }: ManifestLinks): void {
    const repository = { registry, path }
    const hasSubject = subject !== undefined && this.#context.opened.catalogue.find({ ...repository, digest: subject }) !== undefined
    this.expected.fulfil(
      repository,
      [...manifests, ...blobs].map((one) => one.digest),
    )
    // An index, a tag or its subject may come later.
    if (tag === undefined && !hasSubject) this.expected.expect(repository, digest)
    else this.expected.fulfil(repository, [digest])
  }

  /** Makes the reserve large enough for both files, which deletions write anew at most. */
  fillReserve(): Promise<void> {
    const { reserve, index, journal } = this.#context.opened
    return reserve.fill(index.size + journal.size)
  }

  deleteTag({ registry, path }: Repository, tag: string): Promise<Deletion> {
    const { opened, gate, tagTurns, fenced } = this.#context
    const { catalogue, index, reserve } = opened
    const reference = { registry, path, tag }
    const remove = async (): Promise<Deletion> => {
      const found = catalogue.find(reference)
      if (found === undefined) return 'absent'
      await reserve.spend(() => index.remove([reference]))
      catalogue.untag(reference, tag)
      this.expected.release([found.descriptor.digest])
      await this.fillReserve()
      return 'deleted'
    }
    // It runs among the additions, so that no manifest loses its tags meanwhile.
    return gate.adding(() => fenced(() => tagTurns.run(formatReference(reference), remove)))
  }

  async deleteManifest({ registry, path }: Repository, digest: Digest): Promise<Deletion> {
    const { catalogue, index, reserve, blobs, claim, pinned } = this.#context.opened
    const parents = await this.#findParents()
    const remove = async (): Promise<Deletion> => {
      const found = catalogue.find({ registry, path, digest })
      if (found === undefined) return 'absent'
      const isThere = (parent: Digest): boolean => catalogue.find({ registry, path, digest: parent }) !== undefined
      if ([...parents.of(digest)].some(isThere)) return 'referenced'
      const tags = catalogue.tagsOf({ registry, path }, digest)
      // The tags first: a crash in between leaves a manifest without a tag, and never a tag without a manifest.
      await reserve.spend(() => index.remove([{ registry, path, digest }, ...tags.map((tag) => ({ registry, path, tag }))]))
      for (const tag of tags) catalogue.untag({ registry, path }, tag)
      pinned.delete(formatReference({ registry, path, digest }))
      await this.#record({ registry, path }, [found])
      catalogue.remove({ registry, path }, digest)
      const referrers = catalogue.manifests({ registry, path }).filter(({ subject }) => subject === digest)
      this.expected.release([...parents.childrenOf(digest), ...referrers.map(({ descriptor }) => descriptor.digest)])
      if (!catalogue.hasAnywhere(digest) && !parents.need(digest)) {
        parents.remove(digest)
        await blobs.remove(digest, claim.directory)
      }
      await this.#compact()
      return 'deleted'
    }
    return this.#context.gate.deleting(() => this.#context.fenced(remove))
  }

  async deleteBlob(digest: Digest): Promise<Deletion> {
    const { blobs, catalogue, claim } = this.#context.opened
    const parents = await this.#findParents()
    const remove = async (): Promise<Deletion> => {
      if ((await blobs.size(digest)) === undefined) return 'absent'
      if (parents.need(digest) || catalogue.hasAnywhere(digest)) return 'referenced'
      await blobs.remove(digest, claim.directory)
      await this.fillReserve()
      return 'deleted'
    }
    return this.#context.gate.deleting(() => this.#context.fenced(remove))
  }

  /** Removes everything that no tag reaches and no client counts on. */
  async collect(options: CollectionOptions): Promise<CollectedGarbage> {
    const { opened } = this.#context
    const { directory, blobs, catalogue, pinned } = opened
    await blobs.uploads.purge()
    const removal = this.#removal()
    const layout = { directory, blobs, catalogue, pinned, parents: await this.#findParents(), expected: this.expected, removal }
    const released = [...this.expected.released]
    const garbage = await new GarbageCollection(layout, options).run()
    this.expected.settle(released)
    if (garbage.removed.manifests > 0) await removal.exclusively(() => this.#compact(true))
    return garbage
  }

  #removal(): Removal {
    const { opened, gate, fenced } = this.#context
    const taken: string[] = []
    return {
      exclusively: async (work) => {
        try {
          return await gate.deleting(() => fenced(work))
        } finally {
          // The name is gone at once; the time that a file system takes to free a large file delays no push.
          await Promise.all(taken.splice(0).map((path) => rm(path, { force: true }).catch(() => undefined)))
        }
      },
      forget: async ({ registry, path }, tags, manifests) => {
        const references = tags.map((tag) => ({ registry, path, tag }))
        if (tags.length > 0) await opened.reserve.spend(() => opened.index.remove(references))
        await this.#record({ registry, path }, manifests)
      },
      remove: async (digest) => {
        const path = await opened.blobs.take(digest, opened.claim.directory)
        if (path !== undefined) taken.push(path)
      },
    }
  }

  async #record(repository: Repository, manifests: readonly CataloguedManifest[]): Promise<void> {
    const { journal, reserve } = this.#context.opened
    const records = manifests.map(({ descriptor }) => ({ repository, descriptor, deleted: true }))
    await reserve.spend(() => journal.append(records))
  }

  async #compact(isEager = false): Promise<void> {
    const { journal, catalogue, claim } = this.#context.opened
    await journal.compact(catalogue, claim.directory, isEager)
    await this.fillReserve()
  }

  /** Every manifest is read when something is deleted for the first time: who only ever adds never pays for it. */
  #findParents(): Promise<Parents> {
    this.#reading ??= this.#readParents().catch((error: unknown) => {
      this.#reading = undefined
      this.#parents = undefined
      throw error
    })
    return this.#reading
  }

  async #readParents(): Promise<Parents> {
    const { blobs, catalogue, kept } = this.#context.opened
    const parents = new Parents()
    // What is stored from now on is added to it.
    this.#parents = parents
    await parents.read(blobs, catalogue, kept)
    return parents
  }
}
