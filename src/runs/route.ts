import type { RunEnds } from '../connect/destination.ts'
import { BlobLedger } from '../copy/blob-ledger.ts'
import { contentCopier } from '../copy/copy-image.ts'
import type { EngineSummary } from '../copy/events.ts'
import type { ImageCopier } from '../copy/image-copier.ts'
import { parsePlatform } from '../oci/platform.ts'
import { refuseCollisions, type NamedImage } from '../plan/collisions.ts'
import type { PlanStep, ResolvedStep } from '../plan/plan.ts'
import { resolveImage } from '../plan/resolve-image.ts'
import { missingBlobs } from '../plan/survey.ts'
import type { SurveyedStep } from '../report/plan-report.ts'
import type { MirrorOptions } from './options.ts'

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

/** The way over registry HTTP, which copies content by content. */
export function registryRoute(ends: RunEnds, options: MirrorOptions): MirrorRoute<PlanStep> {
  const { source, destination } = ends
  const { sparse, foreignLayers, recheck, retry, signal } = options
  const wanted = options.platforms?.map(parsePlatform)
  return {
    warnings: [],
    resolve: (image) => resolveImage(image, source, destination, { platforms: wanted, sparse, foreignLayers, recheck, signal }),
    copier: contentCopier({ source, destination, ledger: new BlobLedger(), retry }),
    check: (images) => refuseCollisions(images, source, { signal }),
    survey: async (step) => ({
      missing: await missingBlobs(step, destination, { signal }),
      // Docker Hub counts each manifest that is read, the children of an index too, and no HEAD.
      dockerHubPulls: source.isDockerHub(step.source) ? step.contents.manifests.length : 0,
    }),
    [Symbol.dispose]: () => undefined,
  }
}
