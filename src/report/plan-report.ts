import type { EngineSummary, ErrorSummary } from '../copy/events.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { formatReference } from '../oci/reference.ts'
import type { ResolvedStep, StepState } from '../plan/plan.ts'
import type { ListReport } from './report.ts'

/** One step, and what its destination lacks. */
export interface SurveyedStep {
  readonly step: ResolvedStep
  /** Blobs that the destination's repository lacks; every blob where it was not asked. */
  readonly missing: readonly Descriptor[]
  /** Manifest GETs that copying the image costs at Docker Hub; 0 where it is read from elsewhere. */
  readonly dockerHubPulls: number
  /** `os/arch[/variant]` of what the Docker Engine that is to carry the image holds of it already. */
  readonly heldByEngine?: readonly string[]
}

/** An image that could not be planned. */
export interface PlanFailure {
  readonly source: string
  readonly destination: string
  readonly error: ErrorSummary
}

/** What a registry says about its pulls: https://docs.docker.com/docker-hub/usage/pulls/ */
export interface RateLimit {
  readonly registry: string
  readonly limit: number
  readonly remaining: number
  readonly windowSeconds: number
  /** The address or account that is counted, where the registry says. */
  readonly source?: string
}

/** One image in a plan. Sizes are bytes below the root, manifests included; an image that is present was not walked and has 0. */
export interface PlannedImage {
  readonly source: string
  readonly destination: string
  /** Absent where a Docker Engine cannot tell before it has pulled. */
  readonly digest?: string
  readonly state: StepState
  readonly platforms: readonly string[]
  readonly digestPreserved: boolean
  /** Configs and layers. */
  readonly blobs: { readonly total: number; readonly missing: number }
  /** What the destination's repository lacks and has, of the image by itself. */
  readonly bytes: { readonly total: number; readonly missing: number; readonly present: number }
  readonly dockerHubPulls: number
  /** Layers that are fetched from their own URLs and will be left out; absent where there are none. */
  readonly foreignLayersSkipped?: number
  /** Through a Docker Engine, which tells nothing of blobs before it has pulled: the platforms that it holds already. */
  readonly heldByEngine?: readonly string[]
}

/**
 * The sums over a plan. A blob that several images lack moves once and counts once; one that any of the repositories
 * has is mounted into the others and does not count.
 */
export interface PlanTotals {
  readonly images: number
  readonly new: number
  readonly changed: number
  readonly present: number
  readonly failed: number
  readonly blobsToMove: number
  readonly bytesToMove: number
  /** Bytes that are missing but need not move: mounted from another repository. */
  readonly bytesToMount: number
  readonly dockerHubPulls: number
}

/** What `plan --output json` prints: what `mirror` would do. */
export interface PlanReport {
  readonly schemaVersion: 1
  readonly command: 'plan'
  /** As the user wrote it. */
  readonly destination: string
  readonly images: readonly PlannedImage[]
  readonly failures: readonly PlanFailure[]
  readonly totals: PlanTotals
  readonly rateLimits: readonly RateLimit[]
  /** Empty where every image was named as an argument. */
  readonly lists: readonly ListReport[]
  readonly warnings: readonly string[]
  /** Present with `options.via docker`. */
  readonly engine?: EngineSummary
  /** Present where a registry cannot be used at all: every image fails with this error. */
  readonly error?: ErrorSummary
}

/** Everything a plan report is made of; the lists that are left out are empty. */
export interface PlanSurvey
  extends Pick<PlanReport, 'destination'>, Partial<Pick<PlanReport, 'failures' | 'rateLimits' | 'lists' | 'warnings'>> {
  readonly steps: readonly SurveyedStep[]
  readonly engine?: EngineSummary | undefined
  readonly error?: ErrorSummary | undefined
}

function sizeOf(descriptors: Iterable<Descriptor>): number {
  return [...descriptors].reduce((total, { size }) => total + size, 0)
}

function byDigest(descriptors: Iterable<Descriptor>): ReadonlyMap<string, Descriptor> {
  return new Map([...descriptors].map((descriptor) => [descriptor.digest, descriptor]))
}

/** Every manifest of a step that is not present is written, whatever the destination has of it. */
function manifestBytes({ step }: SurveyedStep): number {
  return sizeOf(step.contents.manifests.map(({ descriptor }) => descriptor))
}

/** Blobs that some repository of the destination has: they are mounted into the others. */
function presentDigests({ step, missing }: SurveyedStep): readonly string[] {
  const lacking = byDigest(missing)
  return step.contents.blobs.map(({ digest }) => digest).filter((digest) => !lacking.has(digest))
}

function plannedImage(surveyed: SurveyedStep): PlannedImage {
  const { step, dockerHubPulls, heldByEngine } = surveyed
  const { root, state, platforms, digestPreserved, contents } = step
  const blobs = byDigest(contents.blobs)
  const missing = byDigest(surveyed.missing)
  const total = sizeOf(blobs.values()) + manifestBytes(surveyed)
  const missingBytes = sizeOf(missing.values()) + manifestBytes(surveyed)
  return {
    source: formatReference(step.source),
    destination: formatReference(step.destination),
    ...(root !== undefined && { digest: root.digest }),
    state,
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
  const { destination, steps, failures = [], rateLimits = [], lists = [], warnings = [], engine, error } = survey
  const images = steps.map(plannedImage)
  const count = (state: StepState): number => images.filter((image) => image.state === state).length
  const sum = (value: (image: PlannedImage) => number): number => images.reduce((total, image) => total + value(image), 0)
  const there = new Set(steps.flatMap(presentDigests))
  const toMove = byDigest(steps.flatMap(({ missing }) => missing).filter(({ digest }) => !there.has(digest)))
  const bytesToMove = sizeOf(toMove.values()) + steps.reduce((total, step) => total + manifestBytes(step), 0)
  return {
    schemaVersion: 1,
    command: 'plan',
    destination,
    images,
    failures,
    totals: {
      images: images.length + failures.length,
      new: count('new'),
      changed: count('changed'),
      present: count('present'),
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
    ...(error !== undefined && { error }),
  }
}
