import pLimit from 'p-limit'
import { MirrorError } from '../errors.ts'
import type { LayoutReader } from '../layout/layout.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import { summariseImage, type ImageSummary } from './image-summary.ts'

/** One tag of the layout. */
export interface InventoryEntry {
  readonly repository: Repository
  readonly tag: string
  readonly digest: Digest
  readonly platforms: readonly string[]
  /** Platforms that the index names and the layout does not have. */
  readonly absent: readonly string[]
  /** Bytes of its manifests and blobs. */
  readonly size: number
  readonly isDamaged: boolean
  /** When its manifest came into the layout, where that is known. */
  readonly storedAt: Date | undefined
}

/** Every tag of a layout, and what all of them need together. */
export interface Inventory {
  readonly entries: readonly InventoryEntry[]
  readonly repositories: number
  readonly blobs: number
  readonly bytes: number
  readonly changedAt: Date | undefined
}

/** When things came into a layout, which the layout itself does not tell. */
export interface LayoutTimes {
  /** When the content of this digest was stored. */
  storedAt(digest: Digest): Promise<Date | undefined>
  /** When a tag was last set or taken away. */
  changedAt(): Promise<Date | undefined>
}

interface Known {
  readonly summary: ImageSummary
  readonly size: number
  readonly storedAt: Date | undefined
}

const readsAtOnce = 16

function byName(a: InventoryEntry, b: InventoryEntry): number {
  const [left, right] = [a, b].map(({ repository, tag }) => `${repository.registry}/${repository.path}\n${tag}`) as [string, string]
  return left < right ? -1 : 1
}

/** Takes stock of a layout; what was read of an image is remembered by its digest, since content never changes. */
export class InventoryReader {
  readonly #layout: LayoutReader
  readonly #times: LayoutTimes | undefined
  #known = new Map<string, Known>()
  #reading: Promise<Inventory> | undefined
  #isClosed = false

  constructor(layout: LayoutReader, times: LayoutTimes | undefined) {
    this.#layout = layout
    this.#times = times
  }

  /** What is there now; requests that come together share one look. */
  read(): Promise<Inventory> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** Ends a look that is under way, which rejects with CANCELLED. */
  close(): void {
    this.#isClosed = true
  }

  async #read(): Promise<Inventory> {
    const layout = this.#layout
    const kept = new Map<string, Known>()
    const sizes = new Map<string, number>()
    const limit = pLimit(readsAtOnce)
    const repositories = layout.repositories()
    const tags = repositories.flatMap((repository) => layout.tags(repository).map((tag) => ({ repository, tag })))
    const found = await limit.map(tags, async ({ repository, tag }): Promise<InventoryEntry | undefined> => {
      if (this.#isClosed) throw new MirrorError('CANCELLED', 'the server has stopped')
      const { registry, path } = repository
      const root = await layout.headManifest({ registry, path, tag })
      if (root === undefined) return undefined
      const { digest } = root
      // The children of one index may be in one repository and not in another.
      const id = `${registry}/${path}@${digest}`
      const known = this.#known.get(id) ?? (await this.#look(repository, root))
      const { summary, size, storedAt } = known
      if (!summary.isDamaged && summary.absent.length === 0) kept.set(id, known)
      for (const [blob, bytes] of summary.sizes) sizes.set(blob, bytes)
      return { repository, tag, digest, platforms: summary.platforms, absent: summary.absent, size, isDamaged: summary.isDamaged, storedAt }
    })
    this.#known = kept
    const entries = found.filter((entry) => entry !== undefined).toSorted(byName)
    const changedAt = await this.#times?.changedAt()
    return { entries, repositories: repositories.length, blobs: sizes.size, bytes: sum(sizes), changedAt }
  }

  async #look(repository: Repository, root: Descriptor): Promise<Known> {
    const summary = await summariseImage(this.#layout, repository, root)
    return { summary, size: sum(summary.sizes), storedAt: await this.#times?.storedAt(root.digest) }
  }
}

function sum(sizes: ReadonlyMap<string, number>): number {
  let total = 0
  for (const size of sizes.values()) total += size
  return total
}
