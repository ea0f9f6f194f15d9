import { setMaxListeners } from 'node:events'
import { Channel } from '../async/channel.ts'
import { summariseError, type MirrorEvent } from '../copy/events.ts'
import type { Emit } from '../copy/image-copier.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import { startReport } from '../report/fold-report.ts'
import type { MirrorReport } from '../report/report.ts'
import { maskSecrets } from '../text/secrets.ts'

/** A run under way: its events, for one reader who ends the run by leaving the loop, and the report at its end. */
export interface MirrorRun extends AsyncIterable<MirrorEvent> {
  /** The report of the whole run, an interrupted one too; rejects with what kept the run from starting. */
  readonly report: Promise<MirrorReport>
}

/** Starts what copies images: its events are merged into one iterable and folded into the report of this command. */
export function startRun(
  command: MirrorReport['command'],
  given: AbortSignal | undefined,
  work: (emit: Emit, signal: AbortSignal) => Promise<void>,
): MirrorRun {
  const abort = new AbortController()
  const signal = given === undefined ? abort.signal : AbortSignal.any([given, abort.signal])
  // Every request of the run listens to this one signal.
  setMaxListeners(0, signal)
  const events = new Channel<MirrorEvent>(() => abort.abort(new DOMException('the reader of the events left', 'AbortError')))
  const fold = startReport(command)
  const emit = (given: MirrorEvent): void => {
    const event = given.type === 'warning' ? { ...given, message: maskSecrets(given.message) } : given
    fold.event(event)
    events.push(event, progressKey(event))
  }
  const report = work(emit, signal).then(
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

/** What registries have to tell meanwhile, as events of the run. */
export function registryEvents(emit: Emit): RegistryEvents {
  return {
    onRetry: ({ attempt, delay, error }) => emit({ type: 'retrying', attempt, delay, error: summariseError(error) }),
    onThrottled: (throttled) => emit({ type: 'throttled', ...throttled }),
    onWarning: (message) => emit({ type: 'warning', message }),
  }
}
