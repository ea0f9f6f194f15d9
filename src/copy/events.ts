import { isMirrorError, MirrorError, type ErrorCode, type Side } from '../errors.ts'

/** An error in an event or a report. */
export interface ErrorSummary {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
  readonly side?: Side
  /** What failed, where the message names what is of this image alone. */
  readonly subject?: string
  /** Why, without that name. */
  readonly reason?: string
}

/** The error as it stands in events and reports; what is no MirrorError is INTERNAL. */
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
  readonly source: number
  readonly destination: number
}

/** An image's two names: its source reference, by which every event names it, and where it goes. */
export interface ImageNames {
  readonly image: string
  readonly destination: string
}

/** The Docker Engine of a run: the version of its API, and how it keeps images. */
export interface EngineSummary {
  readonly apiVersion: string
  readonly store: 'classic' | 'containerd' | 'podman'
}

/** Present where only the copy could tell, as through a Docker Engine: they replace what `image-planned` said. */
export interface StoredFacts {
  readonly digestPreserved?: boolean
  readonly platforms?: readonly string[]
}

/** What happens in a run, in order and each exactly once, but for progress, which is coalesced; `image` is the source reference, sizes are bytes, times milliseconds. */
export type MirrorEvent =
  /** First event: every image of the run, in the list's order. `destination` is as the user wrote it. */
  | {
      readonly type: 'run-started'
      readonly images: readonly ImageNames[]
      readonly destination: string
      /** Present where a Docker Engine carries the images. */
      readonly engine?: EngineSummary
    }
  /** A list that images came from: release tag, path or URL, its sha256 in hex, and what vouches for it. */
  | {
      readonly type: 'list-read'
      readonly name: string
      readonly sha256: string
      readonly coverage: 'checksum-file' | 'release-api' | 'pinned' | 'none'
      readonly release?: string
      readonly images: number
    }
  /** Something worth a line, that stops nothing. */
  | { readonly type: 'warning'; readonly message: string; readonly image?: string }
  /** The image is resolved. `state` compares with the destination; `size` is of every blob and manifest below the root, 0 when it is present and was not walked. */
  | {
      readonly type: 'image-planned'
      readonly image: string
      readonly destination: string
      /** Absent where a Docker Engine cannot tell before it has pulled. */
      readonly digest?: string
      readonly state: 'new' | 'changed' | 'present'
      readonly platforms: readonly string[]
      readonly digestPreserved: boolean
      readonly blobs: number
      readonly size: number
    }
  /** Copying begins; `round` 2 is the second try at the end of the run. */
  | { readonly type: 'image-started'; readonly image: string; readonly round: 1 | 2 }
  | {
      readonly type: 'blob-skipped'
      readonly image: string
      readonly digest: string
      readonly size: number
      readonly reason: 'present' | 'mounted' | 'foreign'
    }
  /** `bytes` of `size` have passed; fewer than before when the blob was restarted. */
  | { readonly type: 'blob-progressed'; readonly image: string; readonly digest: string; readonly size: number; readonly bytes: number }
  /** Through a Docker Engine: `bytes` of `size` of a layer, by its short id, have been downloaded, extracted or pushed. */
  | {
      readonly type: 'layer-progressed'
      readonly image: string
      readonly phase: 'download' | 'extract' | 'push'
      readonly layer: string
      readonly size: number
      readonly bytes: number
    }
  | { readonly type: 'blob-copied'; readonly image: string; readonly digest: string; readonly size: number }
  | { readonly type: 'manifest-copied'; readonly image: string; readonly digest: string; readonly size: number }
  /** A request or a blob failed and is tried again after `delay`. */
  | { readonly type: 'retrying'; readonly image?: string; readonly attempt: number; readonly delay: number; readonly error: ErrorSummary }
  /** A registry asked to be left alone for `delay`. */
  | { readonly type: 'throttled'; readonly side: Side; readonly origin: string; readonly delay: number }
  /** Done and proved: everything below the root is at the destination. */
  | ({ readonly type: 'image-copied'; readonly digest: string } & ImageNames & StoredFacts)
  /** The destination had the root already. */
  | ({ readonly type: 'image-up-to-date'; readonly digest: string } & ImageNames & StoredFacts)
  /** `final` is false where the image gets its second round. */
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
      readonly requests: RequestCounts
      readonly seconds: number
      readonly interrupted: boolean
      readonly error?: ErrorSummary
    }
