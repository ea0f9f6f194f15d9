import type { ErrorSummary } from '../copy/events.ts'
import type { ShardSummary } from '../plan/shard.ts'
import type { DescribedEndpoint } from '../registries-yaml/resolve/describe-endpoint.ts'
import { imageStatuses, type EndpointStatus, type VerdictStatus, type ImageVerdict, type ProblemCode } from '../verify/image-verdict.ts'
import { reportHead, type ReportHead } from './report-head.ts'
import type { ListReport } from './report.ts'

/** One endpoint's result for an image; for a node's endpoint also its request, as `registries resolve` reports it. */
export interface VerifiedEndpoint extends Partial<DescribedEndpoint> {
  /** `https://host:5000/v2`, or `oci:<directory>`. */
  readonly url: string
  /** The repository that is asked for there, after rewrites. */
  readonly repository: string
  /** True for the registry's own endpoint, which containerd asks last. */
  readonly default: boolean
  /** How it answered. */
  readonly status: EndpointStatus
  /** Why it failed, or what it lacks; absent otherwise. */
  readonly reason?: string
}

/** One image in a report. Counts are of the contents found below its root, each digest once; `bytes` are manifests and blobs. */
export interface VerifiedImage {
  /** The full reference of the image. */
  readonly reference: string
  /** The name that the node asks for, where its settings change it. */
  readonly asked?: string
  /** Its name at the destination; null where only a node's endpoints were checked. */
  readonly destination: string | null
  /** Null where no endpoint reported one. */
  readonly digest: string | null
  /** The worst that is wrong with it. */
  readonly status: VerdictStatus
  /** `os/arch[/variant]` of each image below the root. */
  readonly platforms: readonly string[]
  /** Manifests found. */
  readonly manifests: number
  /** Blobs found. */
  readonly blobs: number
  /** Bytes of what was found. */
  readonly bytes: number
  /** The endpoints that were asked, in order. */
  readonly endpoints: readonly VerifiedEndpoint[]
  /** What is wrong with it. */
  readonly problems: readonly { readonly code: ProblemCode; readonly message: string }[]
}

/** The sums over all images. */
export interface VerifyTotals {
  /** Images checked. */
  readonly images: number
  /** Images without a problem. */
  readonly ok: number
  /** All that are not ok. */
  readonly failed: number
  /** Images by status; each counts once, with its worst status. */
  readonly statuses: Readonly<Record<VerdictStatus, number>>
  /** Manifests found. */
  readonly manifests: number
  /** Blobs found. */
  readonly blobs: number
  /** Bytes of what was found. */
  readonly bytes: number
  /** Requests sent. */
  readonly requests: number
  /** How long the check took. */
  readonly seconds: number
}

/** The document of `verify --output json`. */
export interface VerifyReport extends ReportHead {
  /** The command that wrote this report. */
  readonly command: 'verify'
  /** As the user wrote it; null without a destination. */
  readonly destination: string | null
  /** Path of the registries.yaml; null without one. */
  readonly registries: string | null
  /** True where images were resolved as a node does. */
  readonly asNode: boolean
  /** True where every blob was read and hashed. */
  readonly deep: boolean
  /** In the order of the list. */
  readonly images: readonly VerifiedImage[]
  /** The sums over all images. */
  readonly totals: VerifyTotals
  /** Empty where every image was named as an argument. */
  readonly lists: readonly ListReport[]
  /** Problems that are not those of an image. */
  readonly warnings: readonly string[]
  /** Present where the images are one part of the list. */
  readonly shard?: ShardSummary
  /** Present where the destination cannot be used at all: every image has this problem. */
  readonly error?: ErrorSummary
}

/** A verdict and the names of its image. */
export interface NamedVerdict {
  readonly reference: string
  readonly destination: string | undefined
  readonly asked?: string | undefined
  readonly verdict: ImageVerdict
}

/** The input of a report. */
export interface Verification
  extends Pick<VerifyReport, 'startedAt' | 'asNode' | 'deep' | 'lists' | 'warnings'>, Pick<VerifyTotals, 'requests' | 'seconds'> {
  readonly destination: string | undefined
  readonly registries: string | undefined
  readonly images: readonly NamedVerdict[]
  readonly shard?: ShardSummary | undefined
  readonly error?: ErrorSummary | undefined
}

/** One image of a report. */
export function verifiedImage({ reference, destination, asked, verdict }: NamedVerdict): VerifiedImage {
  const { digest = null, status, endpoints, problems, warnings: _warnings, ...found } = verdict
  return {
    reference,
    ...(asked !== undefined && { asked }),
    destination: destination ?? null,
    digest,
    status,
    ...found,
    endpoints: endpoints.map(({ isDefault, url, repository, askedAs, status: became, reason }) => ({
      url,
      repository,
      default: isDefault,
      ...askedAs,
      status: became,
      ...(reason !== undefined && { reason }),
    })),
    problems: problems.map(({ code, message }) => ({ code, message })),
  }
}

/** The report on a whole verification. */
export function foldVerification(verification: Verification): VerifyReport {
  const { destination = null, registries = null, asNode, deep, requests, seconds, lists, warnings, shard, error } = verification
  const images = verification.images.map(verifiedImage)
  const count = (status: VerdictStatus): number => images.filter((image) => image.status === status).length
  const sum = (field: 'manifests' | 'blobs' | 'bytes'): number => images.reduce((total, image) => total + image[field], 0)
  return {
    ...reportHead(verification.startedAt),
    command: 'verify',
    destination,
    registries,
    asNode,
    deep,
    images,
    totals: {
      images: images.length,
      ok: count('ok'),
      failed: images.length - count('ok'),
      statuses: Object.fromEntries(imageStatuses.map((status) => [status, count(status)])) as Record<VerdictStatus, number>,
      manifests: sum('manifests'),
      blobs: sum('blobs'),
      bytes: sum('bytes'),
      requests,
      seconds,
    },
    lists,
    warnings: [...warnings, ...verification.images.flatMap(({ verdict }) => verdict.warnings)],
    ...(shard !== undefined && { shard }),
    ...(error !== undefined && { error }),
  }
}
