import { Channel } from '../async/channel.ts'
import { summariseError, type MirrorEvent } from '../copy/events.ts'
import { reportHead } from '../report/report-head.ts'
import type { ManyReport, MirrorReport, ReportTotals } from '../report/report.ts'
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

const nothing: ReportTotals = {
  images: 0,
  copied: 0,
  replaced: 0,
  upToDate: 0,
  skipped: 0,
  failed: 0,
  bytesCopied: 0,
  bytesSaved: 0,
  bytesRetried: 0,
  requests: { source: 0, destination: 0 },
  seconds: 0,
}

function notBegun(startedAt: string, destination: string, reason: unknown): MirrorReport {
  const error = summariseError(reason)
  return { ...reportHead(startedAt), command: 'mirror', destination, images: [], totals: nothing, lists: [], warnings: [], error }
}

function sumTotals(all: readonly ReportTotals[]): ReportTotals {
  return all.reduce(
    (sum, totals) => ({
      images: sum.images + totals.images,
      copied: sum.copied + totals.copied,
      replaced: sum.replaced + totals.replaced,
      upToDate: sum.upToDate + totals.upToDate,
      skipped: sum.skipped + totals.skipped,
      failed: sum.failed + totals.failed,
      bytesCopied: sum.bytesCopied + totals.bytesCopied,
      bytesSaved: sum.bytesSaved + totals.bytesSaved,
      bytesRetried: sum.bytesRetried + totals.bytesRetried,
      requests: {
        source: sum.requests.source + totals.requests.source,
        destination: sum.requests.destination + totals.requests.destination,
      },
      seconds: Math.max(sum.seconds, totals.seconds),
    }),
    nothing,
  )
}
