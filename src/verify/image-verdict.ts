import type { ErrorCode } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { DescribedEndpoint } from '../registries-yaml/resolve/describe-endpoint.ts'

/**
 * The status of an image, worst first. `damaged`: bytes are not what their digest says. `missing`: no endpoint has it. `incomplete`: a
 * platform, manifest or blob is missing. `refused`: the credentials are not right, or allow too little. `unreachable`: it could not be asked for. `moved`: the digest is not the expected one.
 * `upstream-only`: all or part of it comes only from the image's own registry, which a mirror should replace.
 */
export type VerdictStatus = 'damaged' | 'missing' | 'incomplete' | 'refused' | 'unreachable' | 'moved' | 'upstream-only' | 'ok'

/** All of them, the worst first. */
export const imageStatuses: readonly VerdictStatus[] = [
  'damaged',
  'missing',
  'incomplete',
  'refused',
  'unreachable',
  'moved',
  'upstream-only',
  'ok',
]

/** A public error code, or one that only a check has: NOT_COMPARED where the expected digest could not be learned. */
export type ProblemCode = ErrorCode | 'UPSTREAM_ONLY' | 'NOT_COMPARED'

/** One thing that is wrong with an image: one line that names image, part, endpoint and reason. */
export interface Problem {
  readonly status: Exclude<VerdictStatus, 'ok'>
  readonly code: ProblemCode
  readonly message: string
}

/** What became of one endpoint: `serves` the whole image, `serves-part` of it, `failed`, or was `not-needed`. */
export type EndpointStatus = 'serves' | 'serves-part' | 'failed' | 'not-needed'

/** One endpoint's part in an image. */
export interface EndpointVerdict {
  /** `https://host:5000/v2`, or `oci:<directory>`. */
  readonly url: string
  /** The repository's path there. */
  readonly repository: string
  /** True for the endpoint that a node asks where no mirror has the image. */
  readonly isDefault: boolean
  /** Present where a node asks. */
  readonly askedAs?: DescribedEndpoint | undefined
  readonly status: EndpointStatus
  /** Why it failed, or what it lacks. */
  readonly reason?: string
}

/** What checking one image came to. Counts are of what was found, each digest once; sizes are bytes, manifests included. */
export interface ImageVerdict {
  readonly status: VerdictStatus
  /** The digest of the name now; undefined where no endpoint returned it. */
  readonly digest: Digest | undefined
  /** `os/arch[/variant]` of every image below the root that was looked at, attestations left out. */
  readonly platforms: readonly string[]
  readonly manifests: number
  readonly blobs: number
  readonly bytes: number
  /** In the order in which they are asked. */
  readonly endpoints: readonly EndpointVerdict[]
  readonly problems: readonly Problem[]
  /** What is worth knowing of an image that is all right. */
  readonly warnings: readonly string[]
}

/** The worst of the problems; `ok` for none. */
export function worstStatus(problems: readonly Problem[]): VerdictStatus {
  return imageStatuses.find((status) => problems.some((problem) => problem.status === status)) ?? 'ok'
}
