import type { ErrorSummary } from '../copy/events.ts'
import type { DescribedEndpoint } from '../registries-yaml/resolve/describe-endpoint.ts'
import { imageStatuses, type EndpointStatus, type VerdictStatus, type ImageVerdict, type ProblemCode } from '../verify/image-verdict.ts'
import type { ListReport } from './report.ts'

/** One endpoint's part in an image; of a node's endpoints also how it is asked, as `registries resolve` has it. */
export interface VerifiedEndpoint extends Partial<DescribedEndpoint> {
  /** `https://host:5000/v2`, or `oci:<directory>`. */
  readonly url: string
  readonly repository: string
  readonly default: boolean
  readonly status: EndpointStatus
  /** Why it failed, or what it lacks; absent where there is nothing to say. */
  readonly reason?: string
}

/** One image in a report. Counts are of what was found below its root, each digest once; `bytes` are manifests and blobs. */
export interface VerifiedImage {
  readonly reference: string
  /** Its name at the destination; null where only a node's endpoints were asked. */
  readonly destination: string | null
  /** Null where nobody told. */
  readonly digest: string | null
  readonly status: VerdictStatus
  readonly platforms: readonly string[]
  readonly manifests: number
  readonly blobs: number
  readonly bytes: number
  readonly endpoints: readonly VerifiedEndpoint[]
  readonly problems: readonly { readonly code: ProblemCode; readonly message: string }[]
}

/** The sums over all images. */
export interface VerifyTotals {
  readonly images: number
  readonly ok: number
  /** All that are not ok. */
  readonly failed: number
  /** Images by status, each once, by what is worst of it. */
  readonly statuses: Readonly<Record<VerdictStatus, number>>
  readonly manifests: number
  readonly blobs: number
  readonly bytes: number
  readonly requests: number
  readonly seconds: number
}

/** What `verify --output json` prints. */
export interface VerifyReport {
  readonly schemaVersion: 1
  readonly command: 'verify'
  /** As the user wrote it; null where there is none. */
  readonly destination: string | null
  /** Path of the registries.yaml; null where there is none. */
  readonly registries: string | null
  /** True where images were looked for as a node does. */
  readonly asNode: boolean
  /** True where every blob was read and hashed. */
  readonly deep: boolean
  /** In the order of the list. */
  readonly images: readonly VerifiedImage[]
  readonly totals: VerifyTotals
  /** Empty where every image was named as an argument. */
  readonly lists: readonly ListReport[]
  readonly warnings: readonly string[]
  /** Present where the destination cannot be used at all: every image has this problem. */
  readonly error?: ErrorSummary
}

/** A verdict and the names of its image. */
export interface NamedVerdict {
  readonly reference: string
  readonly destination: string | undefined
  readonly verdict: ImageVerdict
}

/** Everything a report is made of. */
export interface Verification
  extends Pick<VerifyReport, 'asNode' | 'deep' | 'lists' | 'warnings'>, Pick<VerifyTotals, 'requests' | 'seconds'> {
  readonly destination: string | undefined
  readonly registries: string | undefined
  readonly images: readonly NamedVerdict[]
  readonly error?: ErrorSummary | undefined
}

/** One image of a report. */
export function verifiedImage({ reference, destination, verdict }: NamedVerdict): VerifiedImage {
  const { digest = null, status, endpoints, problems, warnings: _warnings, ...found } = verdict
  return {
    reference,
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
  const { destination = null, registries = null, asNode, deep, requests, seconds, lists, warnings, error } = verification
  const images = verification.images.map(verifiedImage)
  const count = (status: VerdictStatus): number => images.filter((image) => image.status === status).length
  const sum = (field: 'manifests' | 'blobs' | 'bytes'): number => images.reduce((total, image) => total + image[field], 0)
  return {
    schemaVersion: 1,
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
    ...(error !== undefined && { error }),
  }
}
