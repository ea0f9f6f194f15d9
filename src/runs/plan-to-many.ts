import { summariseError } from '../copy/events.ts'
import { foldPlan, type ManyPlanReport, type PlanReport } from '../report/plan-report.ts'
import { reportHead } from '../report/report-head.ts'
import { checkOptions } from './check-options.ts'
import { openDestinations } from './open-destinations.ts'
import type { PlanOptions } from './options.ts'
import { surveyImages } from './plan-images.ts'
import { runSignal } from './start-run.ts'

/** Options of `planToMany`. */
export interface PlanToManyOptions extends Omit<PlanOptions, 'to'> {
  /** The destinations, each as `to` of `planImages`. */
  readonly to: readonly string[]
}

/** Works out what `mirrorToMany` with the same options would do, and moves nothing. The source's manifests are read once for all destinations. */
export async function planToMany(options: PlanToManyOptions): Promise<ManyPlanReport> {
  checkOptions(options, ['to'], ['to'])
  const startedAt = new Date().toISOString()
  const signal = runSignal(options.signal)
  const none = options.to.map(() => ({}))
  await using opened = await openDestinations({ ...options, readOnly: true }, none, signal)
  const one = async (destination: string, index: number): Promise<PlanReport> => {
    try {
      return await opened.prepare(index, signal, (prepared) => surveyImages(prepared, startedAt, signal))
    } catch (error) {
      signal.throwIfAborted()
      return foldPlan({ startedAt, destination, steps: [], error: summariseError(error) })
    }
  }
  const destinations = await Promise.all(options.to.map(one))
  return { ...reportHead(startedAt), command: 'plan', destinations }
}
