import type { PlanStep } from '../plan/plan.ts'
import type { MirrorEvent } from './events.ts'

/** Takes an event as it happens. */
export type Emit = (event: MirrorEvent) => void

/** Options of a copy. */
export interface CopyOptions {
  readonly emit: Emit
  readonly signal?: AbortSignal | undefined
}

/** Carries out one step of a plan: everything below its root is at the destination when it resolves, to false where it was there already. */
export interface ImageCopier {
  copy(step: PlanStep, options: CopyOptions): Promise<boolean>
}
