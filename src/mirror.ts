import { setMaxListeners } from 'node:events'
import { Channel } from './async/channel.ts'
import { BlobLedger } from './copy/blob-ledger.ts'
import { contentCopier } from './copy/copy-image.ts'
import { summariseError, type MirrorEvent } from './copy/events.ts'
import { runImages } from './copy/run-images.ts'
import { formatReference } from './oci/reference.ts'
import type { PlanOptions } from './plan-options.ts'
import { prepare } from './prepare.ts'
import { startReport } from './report/fold-report.ts'
import type { MirrorReport } from './report/report.ts'

/** Options of `mirror`. */
export type MirrorOptions = PlanOptions

/** A run under way: its events, for one reader who ends the run by leaving the loop, and the report at its end. */
export interface MirrorRun extends AsyncIterable<MirrorEvent> {
  /** The report of the whole run, an interrupted one too; rejects with what kept the run from starting. */
  readonly report: Promise<MirrorReport>
}

/**
 * Mirrors images: list → plan → copy → report. The run begins at once; its events are read with `for await`, or not at all.
 * Failed images are in the report; what is thrown kept the whole run from starting.
 */
export function mirror(options: MirrorOptions): MirrorRun {
  const abort = new AbortController()
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal])
  // Every request of the run listens to this one signal.
  setMaxListeners(0, signal)
  const events = new Channel<MirrorEvent>(() => abort.abort(new DOMException('the reader of the events left', 'AbortError')))
  const fold = startReport()
  const emit = (event: MirrorEvent): void => {
    fold.event(event)
    events.push(event, progressKey(event))
  }
  const report = run({ ...options, signal }, emit).then(
    () => {
      events.end()
      return fold.report()
    },
    (error: unknown) => {
      events.end({ error })
      throw error
    },
  )
  // Whoever reads the events gets the failure there; the report's own rejection must not end the process.
  report.catch(() => undefined)
  return { report, [Symbol.asyncIterator]: () => events[Symbol.asyncIterator]() }
}

/** Progress that was not read yet is replaced by the next of the same content. */
function progressKey(event: MirrorEvent): string | undefined {
  if (event.type === 'blob-progressed') return `${event.image} ${event.digest}`
  return event.type === 'layer-progressed' ? `${event.image} ${event.phase} ${event.layer}` : undefined
}

async function run(options: MirrorOptions & { readonly signal: AbortSignal }, emit: (event: MirrorEvent) => void): Promise<void> {
  const started = performance.now()
  const { signal, recheck, retry } = options
  await using prepared = await prepare(options, {
    onRetry: ({ attempt, delay, error }) => emit({ type: 'retrying', attempt, delay, error: summariseError(error) }),
    onThrottled: (throttled) => emit({ type: 'throttled', ...throttled }),
    onWarning: (message) => emit({ type: 'warning', message }),
  })
  const { places, list, images, resolve, jobs, engine } = prepared
  const { source, destination } = places
  const names = images.map((image) => ({ image: formatReference(image.source), destination: formatReference(image.destination) }))
  emit({ type: 'run-started', destination: options.to, images: names, ...(engine !== undefined && { engine: engine.summary }) })
  for (const { name, sha256, coverage, release, images: count } of list.lists) {
    emit({ type: 'list-read', name, sha256, coverage, images: count, ...(release !== undefined && { release }) })
  }
  for (const message of prepared.warnings) emit({ type: 'warning', message })
  const run = { images, jobs, recheck, emit, signal }
  try {
    if (engine !== undefined) await runImages({ ...run, resolve: engine.resolve, copier: engine.copier })
    else await runImages({ ...run, resolve, copier: contentCopier({ source, destination, ledger: new BlobLedger(), retry }) })
  } catch (error) {
    if (!signal.aborted) throw error
  }
  await engine?.copier.end()
  const seconds = (performance.now() - started) / 1000
  emit({ type: 'run-finished', requests: places.requests(), seconds, interrupted: signal.aborted })
}
