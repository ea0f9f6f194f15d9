import { setMaxListeners } from 'node:events'
import { Channel } from '../async/channel.ts'
import type { RegistryEvents } from '../connect/clients.ts'
import { summariseError, type EngineSummary, type MirrorEvent, type RequestCounts, type RunCommand } from '../copy/events.ts'
import type { Emit } from '../copy/image-copier.ts'
import { runImages } from '../copy/run-images.ts'
import type { MirrorError } from '../errors.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import type { NamedImage } from '../plan/destination-names.ts'
import type { ShardSummary } from '../plan/shard.ts'
import type { SelectedList } from '../release/image-list.ts'
import { ReportFold } from '../report/fold-report.ts'
import type { MirrorReport } from '../report/report.ts'
import { maskSecrets } from '../text/secrets.ts'
import type { Route } from './route.ts'
import type { RunEnding } from './run-ending.ts'
import { RunProgress } from './run-progress.ts'

/** A run under way: its events, for one reader who ends the run by leaving the loop, and the report at its end. */
export interface Run<Event, Report> extends AsyncIterable<Event> {
  /** The report of the whole run, an interrupted one too; rejects with what kept the run from starting. */
  readonly report: Promise<Report>
}

/** A run that copies images to one destination. */
export interface MirrorRun extends Run<MirrorEvent, MirrorReport> {}

/** Everything that is settled before the first image is touched. */
export interface RunPlan {
  /** As the user wrote it. */
  readonly destination: string
  readonly images: readonly NamedImage[]
  /** Present where the images are a part of the list. */
  readonly shard?: ShardSummary | undefined
  readonly lists: readonly SelectedList[]
  /** Sentences for the reader. */
  readonly warnings: readonly string[]
  /** Images at once. */
  readonly jobs: number
  /** Copy images whose root is present too. */
  readonly recheck?: boolean | undefined
  /** Tries after a failure, where a number was given; 0 also leaves out the second round. */
  readonly retries?: number | undefined
  /** Ends the run where the failure of an image is that of all; default: never. */
  readonly ending?: RunEnding | undefined
  /** Present where a Docker Engine carries the images. */
  readonly engine?: EngineSummary | undefined
  /** Where an image is read from, as in `StartedImage`; left out where no image is read from a registry or a layout. */
  readonly endpointOf?: ((source: Reference) => string | undefined) | undefined
  /** Called once all images had their turn, with the full references at the destination of those that are in place; returns warnings. */
  readonly onCopied?: ((names: ReadonlySet<string>) => Promise<readonly string[]>) | undefined
  /** Requests sent so far; none where it is left out. */
  readonly requests?: (() => RequestCounts) | undefined
}

/** Brings all images over one route; false where one of them failed for good. */
export type CopyImages = (route: Route) => Promise<boolean>

/** Called with the failure of an image before it is reported; aborts the run's signal where it ends the run. */
export type OnFailure = (failure: unknown) => Promise<void>

/** What a run works with. */
export interface RunContext {
  readonly emit: Emit
  /** Reports of registries as events of the run. */
  readonly events: RegistryEvents
  readonly signal: AbortSignal
  /** The run from its first event to its last one; `work` does the copying between them. An aborted signal ends it early without a failure. */
  readonly follow: (plan: RunPlan, work: (copyImages: CopyImages, onFailure: OnFailure) => Promise<unknown>) => Promise<void>
}

/** A signal that every request of a run may listen to; it follows those that are given. */
export function runSignal(...given: readonly (AbortSignal | undefined)[]): AbortSignal {
  const signal = AbortSignal.any(given.filter((one) => one !== undefined))
  setMaxListeners(0, signal)
  return signal
}

/** Starts what copies images: its events are merged into one iterable and folded into the report of this command. */
export function startRun(command: RunCommand, given: AbortSignal | undefined, work: (run: RunContext) => Promise<void>): MirrorRun {
  const started = performance.now()
  const startedAt = new Date().toISOString()
  const abort = new AbortController()
  const signal = runSignal(given, abort.signal)
  const events = new Channel<MirrorEvent>(() => abort.abort(new DOMException('the reader of the events left', 'AbortError')))
  const fold = new ReportFold(command)
  const progress = new RunProgress()
  const emit = (given: MirrorEvent): void => {
    const event = given.type === 'warning' ? { ...given, message: maskSecrets(given.message) } : given
    fold.event(event)
    const progressed = progress.event(event, performance.now())
    // The last event of a run is its end.
    if (event.type === 'run-finished' && progressed !== undefined) events.push(progressed)
    events.push(event, progressKey(event))
    if (event.type !== 'run-finished' && progressed !== undefined) events.push(progressed, progressed.type)
  }
  const follow: RunContext['follow'] = async (plan, copy) => {
    start(command, plan, startedAt, emit)
    let ending: MirrorError | undefined
    const onFailure: OnFailure = async (failure) => {
      ending ??= await plan.ending?.(failure)
      if (ending !== undefined) abort.abort(ending)
    }
    try {
      await copy((route) => copyAll(plan, route, { emit, signal, onFailure }), onFailure)
    } catch (error) {
      if (!signal.aborted) throw error
    }
    const requests = plan.requests?.() ?? { source: 0, destination: 0 }
    const seconds = Math.round(performance.now() - started) / 1000
    const ended = ending === undefined ? { interrupted: signal.aborted } : { interrupted: false, error: summariseError(ending) }
    emit({ type: 'run-finished', finishedAt: new Date().toISOString(), requests, seconds, ...ended })
  }
  const report = work({ emit, events: registryEvents(emit), signal, follow }).then(
    () => {
      events.end()
      return fold.report()
    },
    (error: unknown) => {
      events.end({ error })
      throw error
    },
  )
  // Readers of the events get the failure there; the report's own rejection must not end the process.
  report.catch(() => undefined)
  return { report, [Symbol.asyncIterator]: () => events[Symbol.asyncIterator]() }
}

/** The events before the first image. */
function start(
  command: RunCommand,
  { destination, images, shard, lists, warnings, engine, endpointOf }: RunPlan,
  startedAt: string,
  emit: Emit,
): void {
  const names = images.map((image) => {
    const sourceEndpoint = endpointOf?.(image.source)
    return {
      image: formatReference(image.source),
      destination: formatReference(image.destination),
      ...(sourceEndpoint !== undefined && { sourceEndpoint }),
    }
  })
  emit({
    type: 'run-started',
    command,
    destination,
    startedAt,
    images: names,
    ...(engine !== undefined && { engine }),
    ...(shard !== undefined && { shard }),
  })
  for (const { name, kind, sha256, coverage, release, channel, images: count } of lists) {
    const known = {
      ...(kind !== undefined && { kind }),
      ...(release !== undefined && { release }),
      ...(channel !== undefined && { channel }),
    }
    emit({ type: 'list-read', name, sha256, coverage, images: count, ...known })
  }
  for (const message of warnings) emit({ type: 'warning', message })
}

async function copyAll(
  { images, jobs, recheck, retries, onCopied }: RunPlan,
  route: Route,
  { emit, signal, onFailure }: Pick<RunContext, 'emit' | 'signal'> & { readonly onFailure: OnFailure },
): Promise<boolean> {
  let isWhole = true
  const inPlace = new Set<string>()
  const watch: Emit = (event) => {
    if (event.type === 'image-failed' && event.final) isWhole = false
    if (event.type === 'image-copied' || event.type === 'image-up-to-date') inPlace.add(event.destination)
    emit(event)
  }
  try {
    const resolve = (image: NamedImage): ReturnType<Route['resolve']> => route.resolve(image)
    const rounds = retries === 0 ? 1 : 2
    await runImages({ images, resolve, copier: route.copier, jobs, rounds, recheck, onFailure, emit: watch, signal })
  } finally {
    for (const message of (await route.end?.()) ?? []) emit({ type: 'warning', message })
    for (const message of (await onCopied?.(inPlace)) ?? []) emit({ type: 'warning', message })
  }
  return isWhole
}

/** What an event is replaced by while it is unread: progress by the next of the same content, everything else by nothing. */
export function progressKey(event: MirrorEvent): string | undefined {
  if (event.type === 'blob-progressed') return `${event.image} ${event.digest}`
  if (event.type === 'file-progressed') return event.path
  return event.type === 'layer-progressed' ? `${event.image} ${event.phase} ${event.layer}` : undefined
}

function registryEvents(emit: Emit): RegistryEvents {
  return {
    onRetry: ({ attempt, delay, error }) => emit({ type: 'retrying', attempt, delay, error: summariseError(error) }),
    onThrottled: (throttled) => emit({ type: 'throttled', ...throttled }),
    onWarning: (message) => emit({ type: 'warning', message }),
  }
}
