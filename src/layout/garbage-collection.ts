import type { Stats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import pLimit from 'p-limit'
import { yielding } from '../async/yielding.ts'
import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import { blobNames } from './blob-names.ts'
import type { BlobStore } from './blob-store.ts'
import type { Catalogue, CataloguedManifest, CataloguedRepository } from './catalogue.ts'
import type { OpenedLayout } from './disk-layout-reader.ts'
import type { ExpectedContent } from './expected-content.ts'
import { findUnreached, type Unreached } from './find-unreached.ts'
import type { CollectedGarbage, CollectionOptions } from './layout.ts'
import type { Parents } from './parents.ts'

/** Files that are removed while no push can end. */
const blobsAtOnce = 64
const filesAtOnce = 16
const mostUnknown = 100

/** How a collection changes the layout. */
export interface Removal {
  /** Runs work while nothing is added to the layout. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
  /** Records that a repository no longer has these tags and manifests. */
  forget(repository: Repository, tags: readonly string[], manifests: readonly CataloguedManifest[]): Promise<void>
  /** Removes a file of `blobs`. */
  remove(digest: Digest): Promise<void>
}

/** The layout as a collection sees it. */
export interface CollectedLayout {
  readonly directory: string
  readonly blobs: BlobStore
  readonly catalogue: Catalogue
  readonly parents: Parents
  readonly expected: ExpectedContent
  readonly pinned: OpenedLayout['pinned']
  readonly removal: Removal
}

/** One walk over a layout: manifests that no tag reaches go first, then blobs that no manifest refers to, so that a crash leaves garbage and never a gap. */
export class GarbageCollection {
  readonly #layout: CollectedLayout
  readonly #grace: number
  readonly #cutoff: number
  readonly #pause: () => Promise<void>
  readonly #files = pLimit(filesAtOnce)
  /** Content that something has let go of: its age does not count. */
  readonly #letGo: Set<Digest>
  /** Manifests whose file a preview leaves in its place. */
  readonly #gone = new Set<Digest>()
  readonly #images: string[] = []
  readonly #unknown: string[] = []
  readonly #removed = { manifests: 0, blobs: 0, tags: 0, bytes: 0 }
  readonly #kept = { manifests: 0, blobs: 0, bytes: 0 }

  constructor(layout: CollectedLayout, { graceMilliseconds, signal }: CollectionOptions) {
    this.#layout = layout
    this.#grace = graceMilliseconds
    this.#cutoff = graceMilliseconds === 0 ? Infinity : Date.now() - graceMilliseconds
    this.#pause = yielding(signal)
    this.#letGo = new Set(layout.expected.released)
  }

  async run(): Promise<CollectedGarbage> {
    for (const repository of this.#layout.catalogue.repositories()) {
      await this.#pause()
      await this.#collectManifests(repository)
    }
    await this.#collectBlobs()
    return { removed: { images: this.#images.toSorted(), ...this.#removed }, kept: this.#kept, unknownFiles: this.#unknown }
  }

  /** True for content that is too new to be garbage, as far as its file says. */
  #isRecent(digest: Digest, modified: number | undefined): boolean {
    return !this.#letGo.has(digest) && modified !== undefined && modified > this.#cutoff
  }

  #findUnreached(repository: Repository, found: CataloguedRepository, isRecent: (digest: Digest) => boolean): Unreached {
    const { parents, expected, pinned } = this.#layout
    const name = formatRepository(repository)
    return findUnreached(found, {
      parents,
      pinned: [...pinned.values()].flatMap((one) => (one.digest !== undefined && formatRepository(one) === name ? [one.digest] : [])),
      isExpected: (digest) => expected.has(digest, this.#grace, repository),
      isRecent,
    })
  }

  async #collectManifests(repository: Repository): Promise<void> {
    const { catalogue, removal } = this.#layout
    const found = catalogue.of(repository)
    if (found === undefined) return
    const candidates = this.#findUnreached(repository, found, () => false)
    this.#kept.manifests += candidates.held
    if (candidates.manifests.length === 0) return
    const times = new Map<Digest, number>()
    if (this.#cutoff !== Infinity)
      await this.#files.map(candidates.manifests, async ({ descriptor: { digest } }) => {
        times.set(digest, (await this.#look(digest))?.mtimeMs ?? 0)
      })
    // What has become unreached in the meantime has its turn in the next collection.
    const isRecent = (digest: Digest): boolean => this.#isRecent(digest, this.#cutoff === Infinity ? 0 : (times.get(digest) ?? Infinity))
    await removal.exclusively(async () => {
      const { manifests, tops, tags, held } = this.#findUnreached(repository, found, isRecent)
      this.#kept.manifests += held - candidates.held
      if (manifests.length === 0) return
      await removal.forget(repository, tags, manifests)
      for (const tag of tags) catalogue.untag(repository, tag)
      for (const { descriptor } of manifests) catalogue.remove(repository, descriptor.digest)
      this.#removed.tags += tags.length
      this.#removed.manifests += manifests.length
      this.#images.push(...tops.map((digest) => `${formatRepository(repository)}@${digest}`))
      await this.#removeManifests(manifests.map(({ descriptor }) => descriptor.digest))
    })
  }

  #isNeeded(digest: Digest): boolean {
    return this.#layout.parents.need(digest) || this.#layout.catalogue.hasAnywhere(digest)
  }

  /** Removes manifests that are not needed any more, and those that only they referred to. */
  async #removeManifests(digests: readonly Digest[]): Promise<void> {
    const { parents } = this.#layout
    const gone: Digest[] = []
    const waiting = [...digests]
    for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
      if (this.#isNeeded(digest) || this.#gone.has(digest)) continue
      this.#gone.add(digest)
      gone.push(digest)
      for (const child of parents.remove(digest)) {
        this.#letGo.add(child)
        if (parents.childrenOf(child).size > 0) waiting.push(child)
      }
    }
    await this.#files.map(gone, async (digest) => this.#remove(digest, await this.#look(digest)))
  }

  #look(digest: Digest): Promise<Stats | undefined> {
    return lstat(this.#layout.blobs.path(digest)).catch(() => undefined)
  }

  async #remove(digest: Digest, facts: Stats | undefined): Promise<void> {
    if (facts?.isFile() !== true) return
    await this.#layout.removal.remove(digest)
    if (facts.nlink === 1) this.#removed.bytes += facts.size
  }

  async #collectBlobs(): Promise<void> {
    let batch: Digest[] = []
    for await (const { digest, path } of blobNames(this.#layout.directory)) {
      await this.#pause()
      if (path !== undefined) {
        if (this.#unknown.length < mostUnknown) this.#unknown.push(path)
      } else if (!this.#isNeeded(digest)) batch.push(digest)
      if (batch.length < blobsAtOnce) continue
      await this.#removeBlobs(batch)
      batch = []
    }
    if (batch.length > 0) await this.#removeBlobs(batch)
  }

  async #removeBlobs(digests: readonly Digest[]): Promise<void> {
    const { expected, removal } = this.#layout
    const remove = async (digest: Digest): Promise<void> => {
      if (this.#isNeeded(digest) || this.#gone.has(digest)) return
      const facts = await this.#look(digest)
      if (facts === undefined) return
      if (expected.has(digest, this.#grace) || this.#isRecent(digest, facts.mtimeMs)) {
        this.#kept.blobs++
        this.#kept.bytes += facts.size
        return
      }
      await this.#remove(digest, facts)
      this.#removed.blobs++
    }
    await removal.exclusively(() => this.#files.map(digests, remove))
  }
}
