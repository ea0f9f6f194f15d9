import type { EngineSummary, ErrorSummary, FileCoverage, MirrorEvent, RequestCounts, RunCommand } from '../copy/events.ts'
import type { StepState } from '../plan/plan.ts'
import type { ShardSummary } from '../plan/shard.ts'
import type { ReportHead } from './report-head.ts'

/**
 * How an image ended. An image that the run did not finish is `failed` with the error code CANCELLED, and counts as failed in the totals.
 * An image that the base of a bundle holds whole is `up-to-date`. `replaced`: copied to a tag that named other content before.
 * `skipped`: the tag names other content and was left as it is.
 */
export type ImageStatus = 'copied' | 'replaced' | 'up-to-date' | 'skipped' | 'failed'

/**
 * Bytes below one image's root, manifests included, each digest once. For an image that is copied or up to date
 * `copied + mounted + present = total`. `total` is 0 where the root was present and its contents were not read.
 */
export interface ImageBytes {
  /** All bytes below the root. */
  readonly total: number
  /** Transferred in this run; a restarted blob counts once. */
  readonly copied: number
  /** Not transferred: another repository of the destination had them, possibly only since this run. */
  readonly mounted: number
  /** Not transferred: the destination's repository had them. */
  readonly present: number
}

/** One image in a report. `digest` is absent where the image was never resolved; for `skipped` it is the source's. */
export interface ImageReport {
  /** The full source reference, by the name of the registry that images have. */
  readonly source: string
  /** Where it was read from: `https://host[:port][/prefix]` or `oci:<directory>`. Absent for archives, and where a Docker Engine pulled it. */
  readonly sourceEndpoint?: string
  /** The full reference at the destination. */
  readonly destination: string
  /** The digest of the root: a manifest, or an index. */
  readonly digest?: string
  /** How the destination compared with the source before the copy; absent where the image was never resolved. */
  readonly state?: StepState
  /** How the image ended. */
  readonly status: ImageStatus
  /** What the tag named before, and for `skipped` still names; present exactly for `replaced` and `skipped`. */
  readonly previousDigest?: string
  /** False where a subset of platforms needed a new index, or a Docker Engine wrote a new manifest. */
  readonly digestPreserved: boolean
  /** `os/arch[/variant]` of each image below the root. Empty where they are unknown: see `describePresent` for an image that was up to date. */
  readonly platforms: readonly string[]
  /** Bytes below the root, by how they got to the destination. */
  readonly bytes: ImageBytes
  /** Skipped layers that nodes fetch from their own URLs; absent for 0. */
  readonly foreignLayersSkipped?: number
  /** Why it failed; present exactly where `status` is `failed`. */
  readonly error?: ErrorSummary
}

/** One file of a kit in a report. */
export interface FileReport {
  /** Where it lies in the kit, and below the address of `kit serve`. */
  readonly path: string
  /** The digest that it has to have. */
  readonly digest: string
  /** Its bytes. */
  readonly size: number
  /** `reused`: an earlier attempt wrote it. `in-base`: an earlier kit brought it, and this one leaves it out. */
  readonly status: 'added' | 'reused' | 'in-base' | 'failed'
  /** What the digest was compared with. */
  readonly coverage: FileCoverage
  /** The K3s release that it belongs to; absent for what belongs to none. */
  readonly release?: string
  /** Why it failed; present exactly where `status` is `failed`. */
  readonly error?: ErrorSummary
}

/** The sums over all images. */
export interface ReportTotals {
  /** Images of the run. */
  readonly images: number
  /** Without those that are replaced. */
  readonly copied: number
  /** Images copied to a tag that named other content before. */
  readonly replaced: number
  /** Images that the destination had already. */
  readonly upToDate: number
  /** Images whose tag names other content, and was left as it is. */
  readonly skipped: number
  /** Images that failed, and those that the run did not finish. */
  readonly failed: number
  /** Bytes that were transferred. */
  readonly bytesCopied: number
  /** Bytes that were not transferred: mounted and present. */
  readonly bytesSaved: number
  /** Bytes that were sent again because their blob was restarted; a lower bound, because progress is coalesced. */
  readonly bytesRetried: number
  /** Requests sent, by side. */
  readonly requests: RequestCounts
  /** How long the run took. */
  readonly seconds: number
}

/**
 * The document of a run to several destinations: the report of each, in the order in which they were given. A destination that could
 * not be opened has an `error` and no images. Requests to the source serve all destinations and count in these totals only; those of
 * each destination count what was read back for it from another one.
 */
export interface ManyReport extends ReportHead {
  /** The command that wrote this report. */
  readonly command: 'mirror'
  /** One report for each destination. */
  readonly destinations: readonly MirrorReport[]
  /** The sums over all destinations; an image counts once for each. */
  readonly totals: ReportTotals
}

/** A list of the selection, its sha256, and how its checksum was confirmed. */
export type ListReport = Omit<Extract<MirrorEvent, { type: 'list-read' }>, 'type'>

/** One shard of a merged report. */
export interface ShardResult {
  /** From 1. */
  readonly index: number
  /** Images of this shard. */
  readonly images: number
  /** Those that failed. */
  readonly failed: number
  /** Bytes that were transferred. */
  readonly bytesCopied: number
  /** How long it took. */
  readonly seconds: number
}

/** What `mirror`, `kit create`, `bundle create`, `bundle push` and `bundle load` print with `--output json` and write with `--report`: one JSON document about a whole run. */
export interface MirrorReport extends ReportHead {
  /** The command that wrote this report. */
  readonly command: RunCommand
  /** As the user wrote it. */
  readonly destination: string
  /** In the order of the list. */
  readonly images: readonly ImageReport[]
  /** The sums over all images. */
  readonly totals: ReportTotals
  /** The files of a kit, in the order of their paths; present for `kit create`. */
  readonly files?: readonly FileReport[]
  /** Empty where every image was named as an argument. */
  readonly lists: readonly ListReport[]
  /** Problems that did not stop the run. */
  readonly warnings: readonly string[]
  /** Present where a Docker Engine copied the images. */
  readonly engine?: EngineSummary
  /** Present where the images are one part of the list. */
  readonly shard?: ShardSummary
  /** Present in the merged report of all shards, in their order. */
  readonly shards?: readonly ShardResult[]
  /** Present where a registry could not be used at all, which ended the run: unfinished images have this error too. */
  readonly error?: ErrorSummary
  /** Present where the run was interrupted. */
  readonly interrupted?: true
}
