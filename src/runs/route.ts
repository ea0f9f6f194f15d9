import type { EngineSummary } from '../copy/events.ts'
import type { ImageCopier } from '../copy/image-copier.ts'
import type { NamedImage } from '../plan/destination-names.ts'
import type { ResolvedStep } from '../plan/plan.ts'
import type { SurveyedStep } from '../report/plan-report.ts'

/** A way for images to their destination. */
export interface Route<Step extends ResolvedStep = ResolvedStep> {
  /** Finds out what it takes to bring one image over. */
  resolve(image: NamedImage): Promise<Step>
  readonly copier: ImageCopier<Step>
  /** Ends the way once all images have had their turn; gives sentences for the reader. */
  end?(): Promise<readonly string[]>
}

/** The way of a mirror: over registry HTTP, or through a Docker Engine. */
export interface MirrorRoute<Step extends ResolvedStep = ResolvedStep> extends Route<Step>, Disposable {
  /** Refuses images that would be confused with each other, or cannot be carried, before anything moves. Throws DESTINATION_COLLISION and USAGE. */
  check(images: readonly NamedImage[]): Promise<void>
  /** What a step would move. */
  survey(step: Step): Promise<Omit<SurveyedStep, 'step'>>
  /** Present for a Docker Engine. */
  readonly engine?: EngineSummary
  readonly warnings: readonly string[]
}
