import { previewGarbage, removeGarbage, type GarbageReport } from '../layout/collect-garbage.ts'
import type { CollectionAnswers, CollectionRequest } from '../layout/collection-request.ts'
import type { Layout } from '../layout/layout.ts'
import type { CollectionCounts } from './metrics.ts'

const hour = 60 * 60 * 1000
const minute = 60 * 1000
/** So that the deletions of a release are one collection. */
const lookMilliseconds = 3000

/** How a server removes what no tag reaches. */
export interface GarbageOptions {
  /** Milliseconds for which content is kept that clients stored, or that was confirmed to them, and that no manifest or tag uses yet; default one hour. */
  readonly grace?: number
  /** Whether the server collects by itself (default): after tags were deleted or moved, and once in each grace period, at least every hour. */
  readonly automatic?: boolean
  /** Receives the report of each collection that removed something. */
  readonly onCollected?: (report: Omit<GarbageReport, 'byServer'>) => void
}

/** Collects the garbage of a layout while a server writes to it, and for other processes that ask. One collection runs at a time. */
export class GarbageCollector {
  readonly counts: CollectionCounts = { runs: 0, failures: 0, freedBytes: 0, lastRunAt: 0 }
  readonly #layout: Layout
  readonly #options: GarbageOptions
  readonly #onFailure: ((error: unknown) => void) | undefined
  readonly #grace: number
  readonly #abort = new AbortController()
  readonly #answers: Promise<CollectionAnswers>
  readonly #timer: NodeJS.Timeout | undefined
  #running: Promise<unknown> = Promise.resolve()
  #isRunning = false
  #collectedAt = performance.now()

  constructor(layout: Layout, options: GarbageOptions, onFailure: ((error: unknown) => void) | undefined) {
    this.#layout = layout
    this.#options = options
    this.#onFailure = onFailure
    this.#grace = options.grace ?? hour
    this.#answers = layout.answerCollections((request) => this.#inTurn(() => this.#answer(request)))
    this.#answers.catch((error: unknown) => onFailure?.(error))
    if (options.automatic ?? true) this.#timer = setInterval(() => this.#look(), lookMilliseconds).unref()
  }

  /** Ends a collection under way; the rest stays for the next one. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#abort.abort()
    await this.#running.catch(() => undefined)
    const answers = await this.#answers.catch(() => undefined)
    await answers?.close()
  }

  #look(): void {
    const isDue = performance.now() - this.#collectedAt >= Math.min(Math.max(this.#grace, minute), hour)
    if (this.#isRunning || this.#layout.lost.aborted || (!isDue && this.#layout.expected.released.size === 0)) return
    void this.#inTurn(() => this.#collect(this.#grace)).catch((error: unknown) => {
      if (!this.#abort.signal.aborted) this.#onFailure?.(error)
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#running.then(work, work)
    this.#running = turn
    return turn
  }

  #answer({ dryRun, graceMilliseconds = this.#grace }: CollectionRequest): Promise<object> {
    if (!dryRun) return this.#collect(graceMilliseconds)
    return previewGarbage(this.#layout.directory, { graceMilliseconds, signal: this.#abort.signal }, this.#layout.expected)
  }

  async #collect(graceMilliseconds: number): Promise<object> {
    this.#isRunning = true
    try {
      const report = await removeGarbage(this.#layout, { graceMilliseconds, signal: this.#abort.signal })
      this.counts.runs++
      this.counts.freedBytes += report.removed.bytes
      this.counts.lastRunAt = Date.now()
      if (report.removed.manifests + report.removed.blobs > 0) this.#options.onCollected?.(report)
      return report
    } catch (error) {
      if (!this.#abort.signal.aborted) this.counts.failures++
      throw error
    } finally {
      this.#isRunning = false
      this.#collectedAt = performance.now()
    }
  }
}
