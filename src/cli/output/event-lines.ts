import type { MirrorEvent } from '../../copy/events.ts'
import { safeLine } from '../../text/printable.ts'
import { formatErrorLine } from './error-text.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatDuration } from './format-amount.ts'
import { formatCoverage } from './list-coverage.ts'
import type { RunTally } from './run-tally.ts'
import type { Styles } from './styles.ts'

/** How much is said: `quiet` failures alone, `verbose` also every blob and retry. */
export type Verbosity = 'quiet' | 'normal' | 'verbose'

/** What lines depend on. `throttleInterval` is the least time between two lines about one throttling registry, 10 000 ms by default. */
export interface EventLinesOptions {
  readonly styles: Styles
  readonly verbosity?: Verbosity | undefined
  readonly throttleInterval?: number | undefined
}

type Of<T extends MirrorEvent['type']> = Extract<MirrorEvent, { type: T }>

/** Turns each event into the line that people read, if it deserves one. `tally` must have seen the event already. */
export class EventLines {
  readonly #tally: RunTally
  readonly #styles: Styles
  readonly #verbosity: Verbosity
  readonly #throttleInterval: number
  readonly #throttledAt = new Map<string, number>()

  constructor(tally: RunTally, options: EventLinesOptions) {
    this.#tally = tally
    this.#styles = options.styles
    this.#verbosity = options.verbosity ?? 'normal'
    this.#throttleInterval = options.throttleInterval ?? 10_000
  }

  /** One line without its newline, or undefined. */
  line(event: MirrorEvent, now: number): string | undefined {
    if (event.type === 'image-failed') return this.#failed(event)
    if (this.#verbosity === 'quiet') return undefined
    switch (event.type) {
      case 'image-copied':
        return `${this.#styles.good('copied')} ${safeLine(event.image)}${this.#amounts(event, now)}`
      case 'image-up-to-date':
        return `${this.#styles.quiet('up to date')} ${safeLine(event.image)}`
      case 'warning':
        return `${this.#styles.warning('warning:')} ${textLine(event.image === undefined ? event.message : `${event.image}: ${event.message}`)}`
      case 'list-read':
        return formatCoverage(event)
      case 'throttled':
        return this.#throttled(event, now)
      case 'image-planned':
      case 'image-started':
      case 'blob-skipped':
      case 'blob-copied':
      case 'manifest-copied':
      case 'retrying':
        return this.#verbosity === 'verbose' ? this.#styles.quiet(textLine(detail(event))) : undefined
      case 'run-started':
      case 'blob-progressed':
      case 'layer-progressed':
      case 'run-finished':
    }
    return undefined
  }

  #failed({ image, error, final }: Of<'image-failed'>): string | undefined {
    if (final) return `${this.#styles.bad('FAILED')} ${safeLine(image)}: ${formatErrorLine(error)}`
    if (this.#verbosity === 'quiet') return undefined
    return `${this.#styles.warning('failed')} ${safeLine(image)}, tried again at the end: ${formatErrorLine(error)}`
  }

  #amounts({ image }: Of<'image-copied'>, now: number): string {
    const { size, startedAt } = this.#tally.of(image)
    const amounts = [...(size > 0 ? [formatBytes(size)] : []), ...(Number.isNaN(startedAt) ? [] : [formatDuration(now - startedAt)])]
    return amounts.length === 0 ? '' : ` (${amounts.join(', ')})`
  }

  #throttled(event: Of<'throttled'>, now: number): string | undefined {
    const before = this.#throttledAt.get(event.origin)
    if (before !== undefined && now - before < this.#throttleInterval) return undefined
    this.#throttledAt.set(event.origin, now)
    return `${this.#styles.warning('throttled:')} ${safeLine(event.origin)} (${event.side}) asks for a pause of ${formatDuration(event.delay)}`
  }
}

/** What only `--verbose` says. */
function detail(event: Of<'image-planned' | 'image-started' | 'blob-skipped' | 'blob-copied' | 'manifest-copied' | 'retrying'>): string {
  if (event.type === 'retrying') {
    const image = event.image === undefined ? '' : ` for ${event.image}`
    return `retry ${event.attempt} in ${formatDuration(event.delay)}${image}: ${event.error.message} (${event.error.code})`
  }
  if (event.type === 'image-started') return `${event.round === 1 ? 'start' : 'second round'} ${event.image}`
  if (event.type === 'image-planned') {
    const facts =
      event.digest === undefined ? 'not known before it is pulled' : `${event.digest}, ${event.blobs} blobs, ${formatBytes(event.size)}`
    return `${event.state} ${event.image} -> ${event.destination} (${facts})`
  }
  const what = event.type === 'blob-skipped' ? event.reason : event.type === 'blob-copied' ? 'blob' : 'manifest'
  return `${what} ${event.digest} of ${event.image} (${formatBytes(event.size)})`
}
