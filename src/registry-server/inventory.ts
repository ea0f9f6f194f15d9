import pLimit from 'p-limit'
import { MirrorError } from '../errors.ts'
import type { LayoutReader } from '../layout/layout.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import { summariseImage, type ImageSummary } from './image-summary.ts'

/** An image by its root. */
interface KnownImage extends ImageSummary {
  readonly digest: Digest
  /** Bytes of its manifests and blobs. */
  readonly size: number
  /** When its manifest was stored, if known. */
  readonly storedAt: Date | undefined
}

/** One tag of the layout. */
export interface InventoryEntry extends KnownImage {
  readonly repository: Repository
  readonly tag: string
  /** The K3s releases that it is known to belong to. */
  readonly releases: readonly string[]
}

/** Every tag of a layout, with totals. */
export interface Inventory {
  readonly entries: readonly InventoryEntry[]
  readonly repositories: number
  readonly blobs: number
  readonly bytes: number
  /** How many of the tags belong to each release, in the order of their names. */
  readonly releases: ReadonlyMap<string, number>
  readonly changedAt: Date | undefined
}

/** Times of a layout, which the layout itself does not record. */
export interface LayoutTimes {
  /** When the content of this digest was stored. */
  storedAt(digest: Digest): Promise<Date | undefined>
  /** When a tag was last set or deleted. */
  changedAt(): Promise<Date | undefined>
}

const readsAtOnce = 16

function byName(a: InventoryEntry, b: InventoryEntry): number {
  const [left, right] = [a, b].map(({ repository, tag }) => `${repository.registry}/${repository.path}\n${tag}`) as [string, string]
  return left < right ? -1 : 1
}

/** Lists the images of a layout; remembers each image by its digest, since content never changes. */
export class InventoryReader {
  readonly #layout: LayoutReader
  readonly #times: LayoutTimes | undefined
  #known = new Map<string, KnownImage>()
  #reading: Promise<Inventory> | undefined
  #isClosed = false

  constructor(layout: LayoutReader, times: LayoutTimes | undefined) {
    this.#layout = layout
    this.#times = times
  }

  /** The inventory at this moment; simultaneous calls share one reading. */
  read(): Promise<Inventory> {
    return (this.#reading ??= this.#read().finally(() => (this.#reading = undefined)))
  }

  /** Cancels a reading in progress, which rejects with CANCELLED. */
  close(): void {
    this.#isClosed = true
  }

  async #read(): Promise<Inventory> {
    const layout = this.#layout
    const kept = new Map<string, KnownImage>()
    const sizes = new Map<string, number>()
    const repositories = layout.repositories()
    const tags = repositories.flatMap((repository) => layout.tags(repository).map((tag) => ({ repository, tag })))
    const found = await pLimit(readsAtOnce).map(tags, async ({ repository, tag }): Promise<InventoryEntry | undefined> => {
      if (this.#isClosed) throw new MirrorError('CANCELLED', 'the server has stopped')
      const { registry, path } = repository
      const root = await layout.headManifest({ registry, path, tag })
      if (root === undefined) return undefined
      // The children of one index may be in one repository and not in another.
      const id = `${registry}/${path}@${root.digest}`
      const known = this.#known.get(id) ?? (await this.#look(repository, root))
      if (!known.isDamaged && known.absent.length === 0) kept.set(id, known)
      for (const [blob, bytes] of known.sizes) sizes.set(blob, bytes)
      return { ...known, repository, tag, releases: layout.releases(repository, tag) }
    })
    this.#known = kept
    const entries = found.filter((entry) => entry !== undefined).toSorted(byName)
    return {
      entries,
      repositories: repositories.length,
      blobs: sizes.size,
      bytes: sum(sizes),
      releases: countReleases(entries),
      changedAt: await this.#times?.changedAt(),
    }
  }

  async #look(repository: Repository, root: Descriptor): Promise<KnownImage> {
    const summary = await summariseImage(this.#layout, repository, root)
    return { ...summary, digest: root.digest, size: sum(summary.sizes), storedAt: await this.#times?.storedAt(root.digest) }
  }
}

function countReleases(entries: readonly InventoryEntry[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const release of entries.flatMap(({ releases }) => releases)) counts.set(release, (counts.get(release) ?? 0) + 1)
  return new Map([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function sum(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((total, size) => total + size, 0)
}
