import pLimit from 'p-limit'
import { summariseError } from '../copy/events.ts'
import type { MirrorError } from '../errors.ts'
import { formatReference } from '../oci/reference.ts'
import type { NamedImage } from '../plan/destination-names.ts'
import { foldPlan, type PlanFailure, type PlanReport, type SurveyedStep } from '../report/plan-report.ts'
import { checkOptions } from './check-options.ts'
import type { PlanOptions } from './options.ts'
import { prepare, type Prepared } from './prepare.ts'
import { runSignal } from './start-run.ts'

/** Works out what `mirror` with the same options would do, and moves nothing. Manifests are read, which Docker Hub counts as pulls. */
export async function planImages(options: PlanOptions): Promise<PlanReport> {
  checkOptions(options, ['to'])
  const signal = runSignal(options.signal)
  const startedAt = new Date().toISOString()
  return prepare({ ...options, readOnly: true, signal }, {}, (prepared) => surveyImages(prepared, startedAt, signal))
}

/** Plans every image of a destination; a failure is in the report. */
export async function surveyImages(
  { destination, images, lists, namedBy, warnings, jobs, engine, shard, ending, ends, route, endpointOf }: Prepared,
  startedAt: string,
  signal: AbortSignal,
): Promise<PlanReport> {
  const limit = pLimit(jobs)
  const failures: PlanFailure[] = []
  let ended: MirrorError | undefined
  const surveyImage = async (image: NamedImage): Promise<SurveyedStep | undefined> => {
    try {
      if (ended !== undefined) throw ended
      const step = await route.resolve(image)
      return { step, ...(await route.survey(step)), sourceEndpoint: endpointOf?.(image.source) }
    } catch (error) {
      signal.throwIfAborted()
      ended ??= await ending?.(error)
      const { source, destination: named } = image
      const sourceEndpoint = endpointOf?.(source)
      failures.push({
        source: formatReference(source),
        ...(sourceEndpoint !== undefined && { sourceEndpoint }),
        destination: formatReference(named),
        error: summariseError(ended ?? error),
      })
      return undefined
    }
  }
  const surveyed = await Promise.all(images.map((image) => limit(() => surveyImage(image))))
  const steps = surveyed.filter((step) => step !== undefined)
  // With the image's name, as `mirror` reports them.
  const ofSteps = steps.flatMap(({ step: { source, warnings: own = [] } }) =>
    own.map((message) => `${formatReference(source)}: ${message}`),
  )
  return foldPlan({
    startedAt,
    destination,
    steps,
    failures,
    rateLimits: [...ends.source.rateLimits()].map(([registry, rateLimit]) => ({ registry, ...rateLimit })),
    lists,
    namedBy,
    warnings: [...warnings, ...ofSteps],
    engine,
    shard,
    error: ended && summariseError(ended),
  })
}
