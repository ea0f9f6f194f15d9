import type { Digest } from '../oci/digest.ts'
import type { PlanStep } from '../plan/plan.ts'
import type { MirrorEvent, StoredFacts } from './events.ts'

/** Receives an event as it happens. */
export type Emit = (event: MirrorEvent) => void

/** Options of a copy. */
export interface CopyOptions {
  readonly emit: Emit
  readonly signal?: AbortSignal | undefined
}

/** The result of a copy. */
export interface CopyOutcome {
  /** False where everything was present. */
  readonly hasWritten: boolean
  /** The image that the destination's tag names now. */
  readonly stored: StoredFacts & { readonly digest: Digest }
}

/** Carries out one step of a plan: everything below its root is at the destination when it resolves. */
export interface ImageCopier<Step = PlanStep> {
  copy(step: Step, options: CopyOptions): Promise<CopyOutcome>
}
