import { isMirrorError, MirrorError, type ErrorCode, type Side } from '../errors.ts'
import type { ShardSummary } from '../plan/shard.ts'

/** An error in an event or a report. */
export interface ErrorSummary {
  /** The public error code, which scripts match. */
  readonly code: ErrorCode
  /** What failed, and why; messages may change. */
  readonly message: string
  /** What to do about it. */
  readonly hint?: string
  /** The end of the copy that failed. */
  readonly side?: Side
  /** The part of the message that only concerns this image, such as its name. */
  readonly subject?: string
  /** Why, without that name. */
  readonly reason?: string
}

/** An error as events and reports contain it; any other error than a MirrorError is INTERNAL. */
export function summariseError(error: unknown): ErrorSummary {
  const known = isMirrorError(error) ? error : new MirrorError('INTERNAL', error instanceof Error ? error.message : String(error))
  const { code, message, hint, side, subject, reason } = known
  return {
    code,
    message,
    ...(hint !== undefined && { hint }),
    ...(side !== undefined && { side }),
    ...(subject !== undefined && { subject, reason: reason ?? message.replaceAll(subject, 'it') }),
  }
}

/** Requests sent, by the side they went to; redirects, retries and token requests included. */
export interface RequestCounts {
  /** Requests to sources. */
  readonly source: number
  /** Requests to the destination. */
  readonly destination: number
}

/** The commands that copy images. */
export type RunCommand = 'mirror' | 'kit create' | 'kit push' | 'bundle create' | 'bundle push' | 'bundle load'

/** An image's two names. */
export interface ImageNames {
  /** The source reference, which identifies the image in every event. */
  readonly image: string
  /** The full reference at the destination. */
  readonly destination: string
}

/** An image of a run, and where it is read from. */
export interface StartedImage extends ImageNames {
  /** Where the image is read from: `https://host[:port][/prefix]` or `oci:<directory>`. Absent for archives, and where a Docker Engine pulls it. */
  readonly sourceEndpoint?: string
}

/** The Docker Engine of a run: the version of its API, and how it keeps images. */
export interface EngineSummary {
  /** The version of its API that is used. */
  readonly apiVersion: string
  /** How it keeps images. */
  readonly store: 'classic' | 'containerd' | 'podman'
}

/** Facts that are known only after the copy, as with a Docker Engine: they replace those of `image-planned`. */
export interface StoredFacts {
  readonly digestPreserved?: boolean
  readonly platforms?: readonly string[]
}

/**
 * What the digest of a file of a kit was compared with: a checksum file of the release, the release API, both, or a checksum file next to it; `none`
 * for a file of the user's own and for one that no checksum covers; `made` for a file that is made with the kit; `kit` for one that is read out of a kit.
 */
export type FileCoverage = 'checksum-file' | 'release-api' | 'both' | 'none' | 'made' | 'kit'

/** An event of a run. Events come in order and exactly once, except for progress, which is coalesced. `image` is the source reference, sizes are bytes, times milliseconds. */
export type MirrorEvent =
  /** First event: every image of the run, in the list's order. `destination` is as the user wrote it. */
  | {
      readonly type: 'run-started'
      readonly command: RunCommand
      readonly images: readonly StartedImage[]
      readonly destination: string
      /** ISO 8601, in UTC. */
      readonly startedAt: string
      /** Present where a Docker Engine copies the images. */
      readonly engine?: EngineSummary
      /** Present where the images are one part of the list. */
      readonly shard?: ShardSummary
    }
  /** A list of the selection, or a Kubernetes manifest: release tag, path or URL, its sha256 in hex, and how that was confirmed. */
  | {
      readonly type: 'list-read'
      readonly name: string
      /** Absent for an image list. */
      readonly kind?: 'manifest' | 'upgrade-images'
      readonly sha256: string
      readonly coverage: 'checksum-file' | 'release-api' | 'pinned' | 'none'
      readonly release?: string
      /** The channel that led to the release. */
      readonly channel?: string
      readonly images: number
    }
  /** A problem that does not stop the run. */
  | { readonly type: 'warning'; readonly message: string; readonly image?: string }
  /** The image is resolved. `state` compares with the destination; `size` is of every blob and manifest below the root, 0 where it is present and its contents were not read. */
  | {
      readonly type: 'image-planned'
      readonly image: string
      readonly destination: string
      /** Absent where a Docker Engine must pull first. */
      readonly digest?: string
      readonly state: 'new' | 'changed' | 'present' | 'skipped'
      /** What the destination's tag names before the copy; present where that is another root. */
      readonly previousDigest?: string
      readonly platforms: readonly string[]
      readonly digestPreserved: boolean
      readonly blobs: number
      readonly size: number
    }
  /** A file of a kit is known, by its path in the kit: `present` where an earlier attempt wrote it, `base` where an earlier kit brought it and it stays out. */
  | {
      readonly type: 'file-planned'
      readonly path: string
      readonly digest: string
      readonly size: number
      readonly state: 'new' | 'present' | 'base'
      /** The K3s release that it belongs to; absent for what belongs to none. */
      readonly release?: string
      /** What its digest was compared with; `none` for a file that is not covered by a checksum. */
      readonly coverage: FileCoverage
    }
  /** `bytes` of `size` of a file of a kit are transferred. */
  | { readonly type: 'file-progressed'; readonly path: string; readonly size: number; readonly bytes: number }
  /** A file of a kit is in it, and its digest is right. */
  | { readonly type: 'file-copied'; readonly path: string; readonly digest: string; readonly size: number }
  /** A file of a kit could not be added: no kit is written. */
  | { readonly type: 'file-failed'; readonly path: string; readonly error: ErrorSummary }
  /** Copying begins; `round` 2 is the retry at the end of the run. */
  | { readonly type: 'image-started'; readonly image: string; readonly round: 1 | 2 }
  /** A blob needs no transfer: the repository had it, or mounted it, or nodes fetch it from its own URL. */
  | {
      readonly type: 'blob-skipped'
      readonly image: string
      readonly digest: string
      readonly size: number
      readonly reason: 'present' | 'mounted' | 'foreign'
    }
  /** `bytes` of `size` are transferred; fewer than before where the blob was restarted. */
  | { readonly type: 'blob-progressed'; readonly image: string; readonly digest: string; readonly size: number; readonly bytes: number }
  /** With a Docker Engine: `bytes` of `size` of a layer, by its short id, have been downloaded, extracted or pushed. */
  | {
      readonly type: 'layer-progressed'
      readonly image: string
      readonly phase: 'download' | 'extract' | 'push'
      readonly layer: string
      readonly size: number
      readonly bytes: number
    }
  /**
   * The progress of the whole run, at most once a second, and once before `run-finished`. `bytes` of `totalBytes` are at the destination: the total
   * is of the images that are resolved so far, without those that failed. `images` of `totalImages` are done, failed ones included.
   */
  | {
      readonly type: 'run-progressed'
      readonly bytes: number
      readonly totalBytes: number
      readonly images: number
      readonly totalImages: number
    }
  /** A blob is at the destination, and its digest is right. */
  | { readonly type: 'blob-copied'; readonly image: string; readonly digest: string; readonly size: number }
  /** A manifest is at the destination. */
  | { readonly type: 'manifest-copied'; readonly image: string; readonly digest: string; readonly size: number }
  /** A request or a blob failed and is retried after `delay`. */
  | { readonly type: 'retrying'; readonly image?: string; readonly attempt: number; readonly delay: number; readonly error: ErrorSummary }
  /** A registry asked to wait for `delay`. */
  | { readonly type: 'throttled'; readonly side: Side; readonly origin: string; readonly delay: number }
  /** Copied and confirmed: everything below the root is at the destination. `previousDigest` is present where the tag named another root before. */
  | ({ readonly type: 'image-copied'; readonly digest: string; readonly previousDigest?: string } & ImageNames & StoredFacts)
  /** The destination had the root already. */
  | ({ readonly type: 'image-up-to-date'; readonly digest: string } & ImageNames & StoredFacts)
  /** The tag names another root, `previousDigest`, and was left as it is. `digest` is the source's. */
  | ({ readonly type: 'image-skipped'; readonly digest: string; readonly previousDigest: string } & ImageNames)
  /** `final` is false where the image is retried in round 2. */
  | {
      readonly type: 'image-failed'
      readonly image: string
      readonly destination: string
      readonly error: ErrorSummary
      readonly final: boolean
    }
  /** Last event of every run, an interrupted one included. `error` is present where a registry could not be used at all, which ended the run. */
  | {
      readonly type: 'run-finished'
      /** ISO 8601, in UTC. */
      readonly finishedAt: string
      readonly requests: RequestCounts
      readonly seconds: number
      readonly interrupted: boolean
      readonly error?: ErrorSummary
    }
