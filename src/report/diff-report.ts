import type { ErrorSummary } from '../copy/events.ts'
import type { PredictedTransfer } from '../plan/predict-transfer.ts'
import type { RateLimit } from './plan-report.ts'
import { reportHead, type ReportHead } from './report-head.ts'
import type { ListReport } from './report.ts'

/**
 * How an image of `a` compares with that of `b`. `renamed`: another repository with the same digest, or in a comparison of names with
 * the same last part and tag, where a side states no digest. `retagged`: another tag of the same repository. `changed`: the same name with
 * another digest. `unknown`: it could not be compared, for the reason in `error`.
 */
export type DiffState = 'added' | 'removed' | 'renamed' | 'retagged' | 'changed' | 'unknown' | 'unchanged'

/** The states in the order of a report. */
const diffStates: readonly DiffState[] = ['added', 'removed', 'renamed', 'retagged', 'changed', 'unknown', 'unchanged']

/** One side of a comparison, as the user wrote it and as it was understood. */
export interface DiffedSide {
  readonly given: string
  readonly kind: 'release' | 'list' | 'lock' | 'archive' | 'layout' | 'registry'
  /** Images after filters; of a registry, those that it has. */
  readonly images: number
  readonly lists: readonly ListReport[]
}

/** An image on one side. */
export interface DiffedName {
  readonly reference: string
  /** The digest that a copy has; absent where the comparison did not need it. */
  readonly digest?: string
  /** Absent where the image was not read. */
  readonly platforms?: readonly string[]
}

/** One image of a comparison. */
export interface DiffedImage {
  readonly state: DiffState
  /** Null for an image that is added. */
  readonly a: DiffedName | null
  /** Null for an image that is removed. */
  readonly b: DiffedName | null
  /** Configs and layers below the root, and those to copy; a blob of several images is copied with the first. Absent where nothing is written. */
  readonly blobs?: { readonly total: number; readonly copied: number }
  /** Their bytes, manifests included. */
  readonly bytes?: { readonly total: number; readonly copied: number }
  /** Pulls that Docker Hub counts for mirroring the image. */
  readonly dockerHubPulls?: number
  /** Why it could not be compared or read. */
  readonly error?: ErrorSummary
}

/** A blob of the images that are written; each digest once. */
export interface DiffedBlob {
  readonly digest: string
  readonly size: number
  /** True where a destination with `a` has it in a repository that is written to, or where the image was formerly. */
  readonly shared: boolean
  /** References of the images in `b` that need it. */
  readonly images: readonly string[]
}

/** The sums of a comparison. Numbers about contents are null where only names were compared. */
export interface DiffTotals {
  readonly images: number
  readonly added: number
  readonly removed: number
  readonly renamed: number
  readonly retagged: number
  readonly changed: number
  readonly unchanged: number
  /** Images with an error, whatever their state. */
  readonly failed: number
  /** Blobs to copy. */
  readonly blobs: number | null
  /** Bytes to copy, manifests included: `totals.bytesCopied` of a mirror of `b` to a destination that holds `a`. */
  readonly bytes: number | null
  /** Bytes of blobs that the destination has already. */
  readonly sharedBytes: number | null
  /** Pulls that Docker Hub counts for that mirror. */
  readonly dockerHubPulls: number | null
  /** Pulls that Docker Hub has counted for this comparison. */
  readonly dockerHubPullsUsed: number
}

/** The document of `diff --output json`. */
export interface DiffReport extends ReportHead {
  readonly command: 'diff'
  readonly a: DiffedSide
  readonly b: DiffedSide
  /** By state, then in the order of `b`. */
  readonly images: readonly DiffedImage[]
  /** Empty where only names were compared. */
  readonly blobs: readonly DiffedBlob[]
  readonly totals: DiffTotals
  readonly rateLimits: readonly RateLimit[]
  readonly warnings: readonly string[]
  /** Present where a side cannot be used at all: every image that needed it has this error. */
  readonly error?: ErrorSummary
}

/** An image after the comparison; `written` is its position in the transfer. */
export interface ComparedImage extends Omit<DiffedImage, 'blobs' | 'bytes'> {
  readonly written?: number
}

/** The input of a report; without `transfer` only names were compared. */
export interface DiffSurvey extends Pick<DiffReport, 'a' | 'b' | 'rateLimits' | 'warnings'> {
  /** When the comparison began, in ISO 8601. */
  readonly startedAt: string
  readonly images: readonly ComparedImage[]
  readonly transfer?: PredictedTransfer | undefined
  readonly pullsUsed: number
  readonly error?: ErrorSummary | undefined
}

function diffedImage({ written, ...image }: ComparedImage, transfer: PredictedTransfer | undefined): DiffedImage {
  const predicted = written === undefined ? undefined : transfer?.images[written]
  return { ...image, ...(predicted && { blobs: predicted.blobs, bytes: predicted.bytes }) }
}

/** The report of a comparison. */
export function foldDiff({ startedAt, a, b, images, transfer, pullsUsed, rateLimits, warnings, error }: DiffSurvey): DiffReport {
  const ordered = images.toSorted((x, y) => diffStates.indexOf(x.state) - diffStates.indexOf(y.state))
  const count = (state: DiffState): number => images.filter((image) => image.state === state).length
  const names = new Map(images.map(({ written, b: named }) => [written, named?.reference ?? '']))
  const sizes = (isHeld: boolean): number[] => (transfer?.blobs ?? []).filter((blob) => blob.isHeld === isHeld).map(({ size }) => size)
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
  const pulls = sum(images.map(({ dockerHubPulls = 0 }) => dockerHubPulls))
  return {
    ...reportHead(startedAt),
    command: 'diff',
    a,
    b,
    images: ordered.map((image) => diffedImage(image, transfer)),
    blobs: (transfer?.blobs ?? []).map(({ digest, size, isHeld, images: positions }) => {
      return { digest, size, shared: isHeld, images: positions.map((position) => names.get(position) ?? '') }
    }),
    totals: {
      images: images.length,
      added: count('added'),
      removed: count('removed'),
      renamed: count('renamed'),
      retagged: count('retagged'),
      changed: count('changed'),
      unchanged: count('unchanged'),
      failed: images.filter((image) => image.error !== undefined).length,
      blobs: transfer === undefined ? null : sizes(false).length,
      bytes: transfer === undefined ? null : transfer.bytes,
      sharedBytes: transfer === undefined ? null : sum(sizes(true)),
      dockerHubPulls: transfer === undefined ? null : pulls,
      dockerHubPullsUsed: pullsUsed,
    },
    rateLimits,
    warnings,
    ...(error !== undefined && { error }),
  }
}
