import { Channel } from '../async/channel.ts'
import { summariseError, type MirrorEvent } from '../copy/events.ts'
import { reportHead } from '../report/report-head.ts'
import type { ManyReport, MirrorReport } from '../report/report.ts'
import { noTotals, sumTotals } from '../report/sum-totals.ts'
import { mirror } from './mirror.ts'
import type { MirrorOptions } from './options.ts'
import type { Run } from './start-run.ts'

/** Options of `mirrorToMany`. */
export interface MirrorToManyOptions extends Omit<MirrorOptions, 'to'> {
  /** The destinations, each as `to` of `mirror`. */
  readonly to: readonly string[]
}

/** An event of a run to several destinations; `to` is the destination as the user wrote it. */
export type DestinationEvent = MirrorEvent & { readonly to: string }

/** A run that copies images to several destinations. */
export interface MirrorToManyRun extends Run<DestinationEvent, ManyReport> {}

/** Mirrors images to several destinations at once, each with its own result. A destination that fails does not stop the others. */
export function mirrorToMany({ to, ...options }: MirrorToManyOptions): MirrorToManyRun {
  const startedAt = new Date().toISOString()
  const abort = new AbortController()
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal])
  const events = new Channel<DestinationEvent>(() => abort.abort(new DOMException('the reader of the events left', 'AbortError')))
  const one = async (destination: string): Promise<MirrorReport> => {
    const run = mirror({ ...options, to: destination, signal })
    for await (const event of run) events.push({ ...event, to: destination })
    return run.report
  }
  const report = Promise.allSettled(to.map(one)).then((ended): ManyReport => {
    events.end()
    const destinations = ended.map((result, index) =>
      result.status === 'fulfilled' ? result.value : notBegun(startedAt, to[index] ?? '', result.reason),
    )
    return { ...reportHead(startedAt), command: 'mirror', destinations, totals: sumTotals(destinations.map(({ totals }) => totals)) }
  })
  return { report, [Symbol.asyncIterator]: () => events[Symbol.asyncIterator]() }
}

function notBegun(startedAt: string, destination: string, reason: unknown): MirrorReport {
  const error = summariseError(reason)
  return { ...reportHead(startedAt), command: 'mirror', destination, images: [], totals: noTotals, lists: [], warnings: [], error }
}
