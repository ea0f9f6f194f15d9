import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Reference, Repository } from '../oci/reference.ts'

/** How an image's root compares with the image of that name at the destination; `skipped` is a changed image that the destination keeps as it is. */
export type StepState = 'new' | 'changed' | 'present' | 'skipped'

/** Everything below one root, each manifest and blob once. Empty for a step that is `present`, unless its contents were read, and for one that is `skipped`. */
export interface StepContents {
  /** Children before the manifests that refer to them; the root is last. */
  readonly manifests: readonly Manifest[]
  /** Configs and layers to copy, of all manifests. */
  readonly blobs: readonly Descriptor[]
  /** Foreign layers, which are not copied. */
  readonly foreign: readonly Descriptor[]
}

/** One image to copy from source to destination. */
export interface PlanStep {
  readonly source: Reference
  readonly destination: Reference
  /** As in `NamedImage`. */
  readonly formerly?: Repository | undefined
  /** The root that the destination's tag will name. */
  readonly root: Descriptor
  readonly state: StepState
  /** What the destination's tag names before the copy; present where that is another root. */
  readonly previous?: Digest
  /** `os/arch[/variant]` of every image below the root, without attestations. */
  readonly platforms: readonly string[]
  /** False where a subset of platforms needed a new index with its own digest. */
  readonly digestPreserved: boolean
  readonly contents: StepContents
  /** Warnings about an image that can be copied, such as a wanted platform that another one serves. */
  readonly warnings?: readonly string[]
}

/** The facts about an image before it is copied, by this program or by a Docker Engine. */
export interface ResolvedStep extends Omit<PlanStep, 'root'> {
  /** The root that the destination's tag will name. With a Docker Engine the root that it pulls, undefined where it must pull first. */
  readonly root: Descriptor | undefined
  /** The root that the destination's tag names now, where it differs and yet contains everything needed. */
  readonly standsFor?: Descriptor
}
