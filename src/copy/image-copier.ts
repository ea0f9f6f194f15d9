import type { PlanStep } from '../plan/plan.ts'
import type { MirrorEvent } from './events.ts'

/** Takes an event as it happens. */
export type Emit = (event: MirrorEvent) => void

/** Options of a copy. */
export interface CopyOptions {
  readonly emit: Emit
  readonly signal?: AbortSignal | undefined
}

/** Carries out one step of a plan; resolves when everything below its root is at the destination, and rejects otherwise. */
export interface ImageCopier {
  copy(step: PlanStep, options: CopyOptions): Promise<void>
}
