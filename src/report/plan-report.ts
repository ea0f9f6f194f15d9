import type { EngineSummary, ErrorSummary } from '../copy/events.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { formatReference } from '../oci/reference.ts'
import type { ResolvedStep, StepState } from '../plan/plan.ts'
import type { ShardSummary } from '../plan/shard.ts'
import { reportHead, type ReportHead } from './report-head.ts'
import type { ListReport } from './report.ts'

/** One step, and the blobs that its destination lacks. */
export interface SurveyedStep {
  readonly step: ResolvedStep
  /** Blobs that the destination's repository lacks; every blob where it was not checked. */
  readonly missing: readonly Descriptor[]
  /** Those of the missing blobs that are mounted from where the image was formerly. */
  readonly mountable?: readonly Descriptor[]
  /** Manifest GETs at Docker Hub that copying the image needs; 0 for another source. */
  readonly dockerHubPulls: number
  /** `os/arch[/variant]` of each platform that the Docker Engine already has. */
  readonly heldByEngine?: readonly string[]
  /** As in `PlannedImage`. */
  readonly sourceEndpoint?: string | undefined
}

/** An image that could not be planned. */
export interface PlanFailure {
  /** The full source reference. */
  readonly source: string
  /** Where it would be read from: `https://host[:port][/prefix]` or `oci:<directory>`. Absent where a Docker Engine would pull it. */
  readonly sourceEndpoint?: string
  /** The full reference at the destination. */
  readonly destination: string
  /** Why it could not be planned. */
  readonly error: ErrorSummary
}

/** The pull limit that a registry reports: https://docs.docker.com/docker-hub/usage/pulls/ */
export interface RateLimit {
  /** The registry that reports it. */
  readonly registry: string
  /** Pulls that are allowed in a window. */
  readonly limit: number
  /** Pulls that are left in this window. */
  readonly remaining: number
  /** The length of the window. */
  readonly windowSeconds: number
  /** The address or account that is counted, where the registry reports it. */
  readonly source?: string
}

/** One image in a plan. Sizes are bytes below the root, manifests included; an image that is present or skipped has 0, because its contents are not read. */
export interface PlannedImage {
  /** The full source reference, by the name of the registry that images have. */
  readonly source: string
  /** Where it would be read from: `https://host[:port][/prefix]` or `oci:<directory>`. Absent where a Docker Engine would pull it. */
  readonly sourceEndpoint?: string
  /** The full reference at the destination. */
  readonly destination: string
  /** The names of the lists, manifests and upgrade images in `lists` that name it; absent for an image that only an argument names. */
  readonly namedBy?: readonly string[]
  /** The digest of the root; absent where a Docker Engine must pull first. */
  readonly digest?: string
  /** How the destination compares with the source. */
  readonly state: StepState
  /** What the destination's tag names now; present where that is another root. */
  readonly previousDigest?: string
  /** `os/arch[/variant]` of each image below the root. Empty where they are unknown: see `describePresent` for an image that is present. */
  readonly platforms: readonly string[]
  /** False where a subset of platforms needs a new index, or a Docker Engine writes a new manifest. */
  readonly digestPreserved: boolean
  /** Configs and layers: all of them, and those that the destination's repository lacks. */
  readonly blobs: { readonly total: number; readonly missing: number }
  /** Missing and present in the destination's repository, for this image on its own. */
  readonly bytes: { readonly total: number; readonly missing: number; readonly present: number }
  /** Pulls that Docker Hub would count. */
  readonly dockerHubPulls: number
  /** Layers to skip because nodes fetch them from their own URLs; absent for 0. */
  readonly foreignLayersSkipped?: number
  /** The platforms that the Docker Engine already has; with an Engine only, whose blobs are unknown before it pulls. */
  readonly heldByEngine?: readonly string[]
}

/**
 * The sums over a plan. A blob that several images lack is copied once and counts once; one that any of the repositories
 * has is mounted into the others and does not count.
 */
export interface PlanTotals {
  /** Images of the plan, failed ones included. */
  readonly images: number
  /** Images that the destination lacks. */
  readonly new: number
  /** Images whose tag names other content at the destination, and would be replaced. */
  readonly changed: number
  /** Images that the destination has. */
  readonly present: number
  /** Images whose tag names other content at the destination, and would be left as it is. */
  readonly skipped: number
  /** Images that could not be planned. */
  readonly failed: number
  /** Blobs to transfer. */
  readonly blobsToMove: number
  /** Bytes to transfer, manifests included. */
  readonly bytesToMove: number
  /** Missing bytes that need no transfer: they are mounted from another repository. */
  readonly bytesToMount: number
  /** Pulls that Docker Hub would count. */
  readonly dockerHubPulls: number
}

/** The document of `plan --output json`: what `mirror` would do. */
export interface PlanReport extends ReportHead {
  /** The command that wrote this report. */
  readonly command: 'plan'
  /** As the user wrote it. */
  readonly destination: string
  /** The images that could be planned, in the order of the list. */
  readonly images: readonly PlannedImage[]
  /** The images that could not be planned. */
  readonly failures: readonly PlanFailure[]
  /** The sums over all images. */
  readonly totals: PlanTotals
  /** Pull limits that registries report. */
  readonly rateLimits: readonly RateLimit[]
  /** Empty where every image was named as an argument. */
  readonly lists: readonly ListReport[]
  /** Problems that do not stop a run. */
  readonly warnings: readonly string[]
  /** Present with `options.via docker`. */
  readonly engine?: EngineSummary
  /** Present where the images are one part of the list. */
  readonly shard?: ShardSummary
  /** Present where a registry cannot be used at all: every image fails with this error. */
  readonly error?: ErrorSummary
}

/** The document of a plan for several destinations, in the order in which they were given. A destination that could not be opened has an `error` and no images. */
export interface ManyPlanReport extends ReportHead {
  /** The command that wrote this report. */
  readonly command: 'plan'
  /** One plan for each destination. */
  readonly destinations: readonly PlanReport[]
}

/** The input of a plan report; omitted lists are empty. */
export interface PlanSurvey
  extends Pick<PlanReport, 'destination' | 'startedAt'>, Partial<Pick<PlanReport, 'failures' | 'rateLimits' | 'lists' | 'warnings'>> {
  readonly steps: readonly SurveyedStep[]
  /** By the full reference at the source. */
  readonly namedBy?: Readonly<Record<string, readonly string[]>>
  readonly engine?: EngineSummary | undefined
  readonly shard?: ShardSummary | undefined
  readonly error?: ErrorSummary | undefined
}

function sizeOf(descriptors: Iterable<Descriptor>): number {
  return [...descriptors].reduce((total, { size }) => total + size, 0)
}

function byDigest(descriptors: Iterable<Descriptor>): ReadonlyMap<string, Descriptor> {
  return new Map([...descriptors].map((descriptor) => [descriptor.digest, descriptor]))
}

/** Every manifest of an image that is not present is written, even if the destination has it. */
function manifestBytes({ step }: SurveyedStep): number {
  return sizeOf(step.contents.manifests.map(({ descriptor }) => descriptor))
}

/** The blobs that this repository of the destination has, or the former one; they are mounted into the others. */
function presentDigests({ step, missing, mountable = [] }: SurveyedStep): readonly string[] {
  const mounted = byDigest(mountable)
  const lacking = byDigest(missing.filter(({ digest }) => !mounted.has(digest)))
  return step.contents.blobs.map(({ digest }) => digest).filter((digest) => !lacking.has(digest))
}

function plannedImage(surveyed: SurveyedStep, namedBy: NonNullable<PlanSurvey['namedBy']>): PlannedImage {
  const { step, dockerHubPulls, heldByEngine, sourceEndpoint } = surveyed
  const { root, state, previous, platforms, digestPreserved, contents } = step
  const blobs = byDigest(contents.blobs)
  const missing = byDigest(surveyed.missing)
  const total = sizeOf(blobs.values()) + manifestBytes(surveyed)
  const missingBytes = sizeOf(missing.values()) + manifestBytes(surveyed)
  const source = formatReference(step.source)
  const names = namedBy[source]
  return {
    source,
    ...(sourceEndpoint !== undefined && { sourceEndpoint }),
    destination: formatReference(step.destination),
    ...(names !== undefined && { namedBy: names }),
    ...(root !== undefined && { digest: root.digest }),
    state,
    ...(previous !== undefined && { previousDigest: previous }),
    platforms,
    digestPreserved,
    blobs: { total: blobs.size, missing: missing.size },
    bytes: { total, missing: missingBytes, present: total - missingBytes },
    dockerHubPulls,
    ...(contents.foreign.length > 0 && { foreignLayersSkipped: contents.foreign.length }),
    ...(heldByEngine !== undefined && { heldByEngine }),
  }
}

/** The plan report over surveyed steps, in their order. */
export function foldPlan(survey: PlanSurvey): PlanReport {
  const {
    startedAt,
    destination,
    steps,
    failures = [],
    rateLimits = [],
    lists = [],
    warnings = [],
    namedBy = {},
    engine,
    shard,
    error,
  } = survey
  const images = steps.map((step) => plannedImage(step, namedBy))
  const count = (state: StepState): number => images.filter((image) => image.state === state).length
  const sum = (value: (image: PlannedImage) => number): number => images.reduce((total, image) => total + value(image), 0)
  const present = new Set(steps.flatMap(presentDigests))
  const toMove = byDigest(steps.flatMap(({ missing }) => missing).filter(({ digest }) => !present.has(digest)))
  const bytesToMove = sizeOf(toMove.values()) + steps.reduce((total, step) => total + manifestBytes(step), 0)
  return {
    ...reportHead(startedAt),
    command: 'plan',
    destination,
    images,
    failures,
    totals: {
      images: images.length + failures.length,
      new: count('new'),
      changed: count('changed'),
      present: count('present'),
      skipped: count('skipped'),
      failed: failures.length,
      blobsToMove: toMove.size,
      bytesToMove,
      bytesToMount: sum((image) => image.bytes.missing) - bytesToMove,
      dockerHubPulls: sum((image) => image.dockerHubPulls),
    },
    rateLimits,
    lists,
    warnings,
    ...(engine !== undefined && { engine }),
    ...(shard !== undefined && { shard }),
    ...(error !== undefined && { error }),
  }
}
