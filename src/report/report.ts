import type { EngineSummary, ErrorSummary, MirrorEvent, RequestCounts } from '../copy/events.ts'

/** How an image ended. An image that an interrupted run did not get to is `failed` with CANCELLED. */
export type ImageStatus = 'copied' | 'up-to-date' | 'failed'

/**
 * Bytes below one image's root, manifests included, each digest once. What was copied or up to date adds up:
 * `copied + mounted + present = total`. `total` is 0 where the root was present and was not walked.
 */
export interface ImageBytes {
  readonly total: number
  /** Moved in this run; a blob that was restarted counts once. */
  readonly copied: number
  /** Not moved: the destination had them in another repository, perhaps only since this run. */
  readonly mounted: number
  /** Not moved: the destination's repository had them. */
  readonly present: number
}

/** One image in a report. `digest` is absent where the image was never resolved. */
export interface ImageReport {
  readonly source: string
  readonly destination: string
  readonly digest?: string
  readonly status: ImageStatus
  /** False where a subset of platforms made a new index with a digest of its own, or a Docker Engine a new manifest. */
  readonly digestPreserved: boolean
  readonly platforms: readonly string[]
  readonly bytes: ImageBytes
  /** Layers that are fetched from their own URLs and were left out; absent where there are none. */
  readonly foreignLayersSkipped?: number
  /** Why it failed; present exactly where `status` is `failed`. */
  readonly error?: ErrorSummary
}

/** The sums over all images. */
export interface ReportTotals {
  readonly images: number
  readonly copied: number
  readonly upToDate: number
  readonly failed: number
  readonly bytesCopied: number
  /** Bytes that did not have to move: mounted and present. */
  readonly bytesSaved: number
  /** Bytes that moved in vain because their blob was restarted; a lower bound, since progress is coalesced. */
  readonly bytesRetried: number
  readonly requests: RequestCounts
  readonly seconds: number
}

/** A list that images came from, its sha256, and what vouches for it. */
export type ListReport = Omit<Extract<MirrorEvent, { type: 'list-read' }>, 'type'>

/** What `mirror`, `bundle create`, `bundle push` and `bundle load` print with `--output json` and write with `--report`: one JSON document about a whole run. */
export interface MirrorReport {
  readonly schemaVersion: 1
  readonly command: 'mirror' | 'bundle create' | 'bundle push' | 'bundle load'
  /** As the user wrote it. */
  readonly destination: string
  /** In the order of the list. */
  readonly images: readonly ImageReport[]
  readonly totals: ReportTotals
  /** Empty where every image was named as an argument. */
  readonly lists: readonly ListReport[]
  readonly warnings: readonly string[]
  /** Present where a Docker Engine carried the images. */
  readonly engine?: EngineSummary
  /** Present where a registry could not be used at all, which ended the run: images that were not done have this error too. */
  readonly error?: ErrorSummary
  /** Present where the run was stopped before its end. */
  readonly interrupted?: true
}
