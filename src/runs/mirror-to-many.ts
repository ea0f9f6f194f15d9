import { Channel } from '../async/channel.ts'
import { summariseError, type MirrorEvent } from '../copy/events.ts'
import { reportHead } from '../report/report-head.ts'
import type { ManyReport, MirrorReport } from '../report/report.ts'
import { noTotals, sumTotals } from '../report/sum-totals.ts'
import { checkOptions } from './check-options.ts'
import { openDestinations, type OpenedDestinations } from './open-destinations.ts'
import type { MirrorOptions } from './options.ts'
import { progressKey, runSignal, startRun, type Run, type RunContext } from './start-run.ts'

/** Options of `mirrorToMany`. */
export interface MirrorToManyOptions extends Omit<MirrorOptions, 'to'> {
  /** The destinations, each as `to` of `mirror`; `jobs` and `blobJobs` are for each of them. */
  readonly to: readonly string[]
}

/** An event of a run to several destinations; `to` is the destination as the user wrote it. */
export type DestinationEvent = MirrorEvent & { readonly to: string }

/** A run that copies images to several destinations. */
export interface MirrorToManyRun extends Run<DestinationEvent, ManyReport> {}

/**
 * Mirrors images to several destinations at once, each with its own result. The source is read once for all. A destination that is slow
 * or fails does not stop the others. What is thrown kept all of them from starting.
 */
export function mirrorToMany(options: MirrorToManyOptions): MirrorToManyRun {
  checkOptions(options, ['to'], ['to'])
  const startedAt = new Date().toISOString()
  const abort = new AbortController()
  const signal = runSignal(options.signal, abort.signal)
  const events = new Channel<DestinationEvent>(() => abort.abort(new DOMException('the reader of the events left', 'AbortError')))
  const contexts: RunContext[] = []
  // Once every destination has its context.
  const opened = Promise.resolve().then(() =>
    openDestinations(
      options,
      contexts.map((run) => run.events),
      signal,
    ),
  )
  const one = async (to: string, index: number): Promise<MirrorReport> => {
    const run = startRun('mirror', signal, async (context) => {
      contexts.push(context)
      const destinations = await opened
      await destinations.prepare(index, context.signal, ({ route, ...plan }) => context.follow(plan, (copyImages) => copyImages(route)))
    })
    const push = (event: MirrorEvent): void => {
      const key = progressKey(event)
      events.push({ ...event, to }, key && `${index} ${key}`)
    }
    try {
      for await (const event of run) push(event)
      return await run.report
    } catch (reason) {
      await opened
      const report = notBegun(startedAt, to, reason, signal)
      const { error, finishedAt, interrupted = false } = report
      push({
        type: 'run-finished',
        finishedAt,
        requests: noTotals.requests,
        seconds: 0,
        interrupted,
        ...(error !== undefined && { error }),
      })
      return report
    }
  }
  const report = finish(opened, startedAt, options.to.map(one))
  report.then(
    () => events.end(),
    (error: unknown) => events.end({ error }),
  )
  return { report, [Symbol.asyncIterator]: () => events[Symbol.asyncIterator]() }
}

/** The report of all, once each has ended; rejects with what kept all of them from starting. */
async function finish(
  opened: Promise<OpenedDestinations>,
  startedAt: string,
  reports: readonly Promise<MirrorReport>[],
): Promise<ManyReport> {
  const ended = Promise.all(reports)
  // Rejects only as `opened` does.
  ended.catch(() => undefined)
  await using all = await opened
  const destinations = await ended
  const totals = sumTotals(
    destinations.map((report) => report.totals),
    all.sourceRequests(),
  )
  return { ...reportHead(startedAt), command: 'mirror', destinations, totals }
}

/** The report of a destination that could not be opened, or not in time. */
function notBegun(startedAt: string, destination: string, reason: unknown, signal: AbortSignal): MirrorReport {
  const why = signal.aborted ? ({ interrupted: true } as const) : { error: summariseError(reason) }
  return { ...reportHead(startedAt), command: 'mirror', destination, images: [], totals: noTotals, lists: [], warnings: [], ...why }
}
