import type { Descriptor } from '../oci/descriptor.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Reference } from '../oci/reference.ts'

/** How an image's root compares with what the destination has under that name. */
export type StepState = 'new' | 'changed' | 'present'

/** Everything below one root, each manifest and blob once. Empty for a step that is `present`. */
export interface StepContents {
  /** Children before the manifests that refer to them; the root is last. */
  readonly manifests: readonly Manifest[]
  /** Configs and layers to carry, of all manifests. */
  readonly blobs: readonly Descriptor[]
  /** Foreign layers that are left out. */
  readonly foreign: readonly Descriptor[]
}

/** One image's way from source to destination. */
export interface PlanStep {
  readonly source: Reference
  readonly destination: Reference
  /** What the destination's tag will name. */
  readonly root: Descriptor
  readonly state: StepState
  /** `os/arch[/variant]` of every image below the root, attestations left out. */
  readonly platforms: readonly string[]
  /** False when a subset of platforms made a new index with a digest of its own. */
  readonly digestPreserved: boolean
  readonly contents: StepContents
  /** What is worth a line of an image that can be carried: a wanted platform that another one serves. */
  readonly warnings?: readonly string[]
}

/** What is known of an image before it is copied, whoever carries it. */
export interface ResolvedStep extends Omit<PlanStep, 'root'> {
  /** What the destination's tag will name; of a Docker Engine the root that it starts from, undefined where it cannot tell that before it pulls. */
  readonly root: Descriptor | undefined
  /** What the destination's tag names now, where that is not the root and yet all that is needed. */
  readonly standsFor?: Descriptor
}
