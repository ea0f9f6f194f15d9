import pLimit from 'p-limit'
import { setMaxListeners } from 'node:events'
import { summariseError } from './copy/events.ts'
import { formatReference } from './oci/reference.ts'
import type { NamedImage } from './plan/collisions.ts'
import type { PlanStep } from './plan/plan.ts'
import { missingBlobs } from './plan/survey.ts'
import { defaultJobs, prepare, type PlanOptions } from './prepare.ts'
import { foldPlan, type PlanFailure, type PlanReport, type SurveyedStep } from './report/plan-report.ts'

/** Works out what `mirror` with the same options would do, and moves nothing. Manifests are read, which Docker Hub counts as pulls. */
export async function planImages(options: PlanOptions): Promise<PlanReport> {
  const signal = AbortSignal.any(options.signal === undefined ? [] : [options.signal])
  // Every request of the plan listens to this one signal.
  setMaxListeners(0, signal)
  await using prepared = await prepare({ ...options, signal })
  const { places, list, images, resolve } = prepared
  const { source, destination } = places
  const limit = pLimit(options.jobs ?? defaultJobs)
  const failures: PlanFailure[] = []
  const survey = async (image: NamedImage): Promise<SurveyedStep | undefined> => {
    try {
      const step = await resolve(image)
      return {
        step,
        missing: await missingBlobs(step, destination, { signal }),
        dockerHubPulls: pulls(step, source.isDockerHub(image.source)),
      }
    } catch (error) {
      signal.throwIfAborted()
      failures.push({
        source: formatReference(image.source),
        destination: formatReference(image.destination),
        error: summariseError(error),
      })
      return undefined
    }
  }
  const surveyed = await Promise.all(images.map((image) => limit(() => survey(image))))
  return foldPlan({
    destination: options.to,
    steps: surveyed.filter((step) => step !== undefined),
    failures,
    rateLimits: [...source.rateLimits()].map(([registry, rateLimit]) => ({ registry, ...rateLimit })),
    lists: list.lists,
    warnings: [...list.warnings, ...places.warnings],
  })
}

/** Docker Hub counts each manifest that is read, the children of an index too, and no HEAD. */
function pulls(step: PlanStep, isDockerHub: boolean): number {
  return isDockerHub ? step.contents.manifests.length : 0
}
