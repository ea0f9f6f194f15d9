import { setMaxListeners } from 'node:events'
import pLimit from 'p-limit'
import { summariseError } from '../copy/events.ts'
import type { EngineStep } from '../engine/resolve-engine-image.ts'
import { isIndexType } from '../oci/media-type.ts'
import { formatReference } from '../oci/reference.ts'
import type { NamedImage } from '../plan/collisions.ts'
import type { PlanStep, ResolvedStep } from '../plan/plan.ts'
import { missingBlobs } from '../plan/survey.ts'
import { foldPlan, type PlanFailure, type PlanReport, type SurveyedStep } from '../report/plan-report.ts'
import type { EngineRoute } from './engine-route.ts'
import type { PlanOptions } from './options.ts'
import { prepare } from './prepare.ts'

/** Works out what `mirror` with the same options would do, and moves nothing. Manifests are read, which Docker Hub counts as pulls. */
export async function planImages(options: PlanOptions): Promise<PlanReport> {
  const signal = AbortSignal.any(options.signal === undefined ? [] : [options.signal])
  // Every request of the plan listens to this one signal.
  setMaxListeners(0, signal)
  await using prepared = await prepare({ ...options, signal })
  const { places, list, images, resolve, engine } = prepared
  const { source, destination } = places
  const limit = pLimit(prepared.jobs)
  const failures: PlanFailure[] = []
  const surveyStep = async (step: PlanStep): Promise<SurveyedStep> => ({
    step,
    missing: await missingBlobs(step, destination, { signal }),
    dockerHubPulls: pulls(step, source.isDockerHub(step.source)),
  })
  const surveyEngine = async ({ held }: EngineRoute, step: EngineStep): Promise<SurveyedStep> => {
    const heldByEngine = await held(step)
    return { step, missing: [], heldByEngine, dockerHubPulls: enginePulls(step, heldByEngine, source.isDockerHub(step.source)) }
  }
  const survey = async (image: NamedImage): Promise<SurveyedStep | undefined> => {
    try {
      return await (engine === undefined ? surveyStep(await resolve(image)) : surveyEngine(engine, await engine.resolve(image)))
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
  const steps = surveyed.filter((step) => step !== undefined)
  return foldPlan({
    destination: options.to,
    steps,
    failures,
    rateLimits: [...source.rateLimits()].map(([registry, rateLimit]) => ({ registry, ...rateLimit })),
    lists: list.lists,
    warnings: [...prepared.warnings, ...steps.flatMap(({ step }) => warningsOf(step))],
    ...(engine !== undefined && { engine: engine.summary }),
  })
}

/** A step's warnings with the image's name, as `mirror` reports them. */
function warningsOf({ source, warnings = [] }: ResolvedStep): readonly string[] {
  return warnings.map((message) => `${formatReference(source)}: ${message}`)
}

/** Docker Hub counts each manifest that is read, the children of an index too, and no HEAD. */
function pulls(step: PlanStep, isDockerHub: boolean): number {
  return isDockerHub ? step.contents.manifests.length : 0
}

/** For every platform that it does not hold yet, an Engine reads the index and the manifest below it. */
function enginePulls(step: EngineStep, held: readonly string[], isDockerHub: boolean): number {
  if (!isDockerHub || step.state === 'present') return 0
  const manifests = step.root !== undefined && isIndexType(step.root.mediaType) ? 2 : 1
  return step.platforms.filter((platform) => !held.includes(platform)).length * manifests
}
