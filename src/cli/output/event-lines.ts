import type { MirrorEvent } from '../../copy/events.ts'
import type { RunTally } from '../../report/run-tally.ts'
import { safeLine } from '../../text/printable.ts'
import { formatErrorLine } from './error-text.ts'
import { failureLines, type FailedImage } from './failures.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatDuration } from './format-amount.ts'
import { formatCoverage } from './list-coverage.ts'
import { placedEvent } from './placed-event.ts'
import type { RendererOptions } from './renderer.ts'
import { describeShared, fileWords, wordsFor } from './run-words.ts'

type Of<T extends MirrorEvent['type']> = Extract<MirrorEvent, { type: T }>
type Detailed = Of<'image-planned' | 'image-started' | 'image-failed' | 'blob-skipped' | 'blob-copied' | 'manifest-copied' | 'retrying'>

/** Turns events into lines for people, without newlines. Failures are collected and printed once, when the run ends. */
export class EventLines {
  readonly #tally: RunTally
  readonly #options: RendererOptions & { readonly place?: string | undefined }
  readonly #throttledAt = new Map<string, number>()
  readonly #failures = new Map<string, FailedImage>()
  #run: Of<'run-started'> | undefined

  /** `tally` must have received each event already. With `place`, lines name this destination, and so do the images of the tally. */
  constructor(tally: RunTally, options: RendererOptions & { readonly place?: string | undefined }) {
    this.#tally = tally
    this.#options = options
  }

  /** The lines for an event; `now` in milliseconds. */
  of(event: MirrorEvent, now: number): readonly string[] {
    if (event.type === 'run-started') this.#run = event
    if (event.type === 'run-finished') return this.#finish(event)
    if (event.type === 'file-failed') this.#failures.set(event.path, { source: event.path, error: event.error })
    if (event.type === 'image-failed') this.#failures.set(event.image, { source: event.image, error: event.error })
    if (event.type === 'image-copied' || event.type === 'image-up-to-date' || event.type === 'image-skipped')
      this.#failures.delete(event.image)
    if (this.#options.verbosity === 'quiet' || (event.type === 'image-failed' && event.final)) return []
    // A planned image is printed with its name at the destination.
    const line = this.#line(event.type === 'image-planned' ? event : placedEvent(event, this.#options.place), now)
    return line === undefined ? [] : [line]
  }

  /** The failures that were not printed yet, as when a run ends early. */
  end(): readonly string[] {
    const failures = [...this.#failures.values()]
    this.#failures.clear()
    return failureLines(failures, this.#tally.images, this.#options.styles, this.#options.place)
  }

  /** The command prints the error that ended a run. */
  #finish({ error }: Of<'run-finished'>): readonly string[] {
    for (const [image, failure] of this.#failures) if (failure.error.code === error?.code) this.#failures.delete(image)
    return this.end()
  }

  #line(event: MirrorEvent, now: number): string | undefined {
    const { styles, verbosity } = this.#options
    const { done, unchanged } = wordsFor(this.#run?.command)
    switch (event.type) {
      case 'image-copied':
        return event.previousDigest === undefined
          ? `${styles.good(done)} ${safeLine(event.image)}${inBrackets(this.#amounts(event, now))}`
          : `${styles.warning('replaced')} ${safeLine(event.image)}${inBrackets([`was ${event.previousDigest}`, ...this.#amounts(event, now)])}`
      case 'image-skipped':
        return `${styles.warning('skipped')} ${safeLine(event.image)}: the destination keeps ${safeLine(event.previousDigest)}`
      case 'image-up-to-date':
        return `${styles.quiet(`${unchanged}:`)} ${safeLine(event.image)}`
      case 'warning':
        return `${styles.warning('warning:')} ${textLine(event.image === undefined ? event.message : `${event.image}: ${event.message}`)}`
      case 'list-read':
        return formatCoverage(event)
      case 'throttled':
        return this.#throttled(event, now)
      case 'image-planned':
      case 'image-started':
      case 'image-failed':
      case 'blob-skipped':
      case 'blob-copied':
      case 'manifest-copied':
      case 'retrying':
        return verbosity === 'verbose' ? styles.quiet(textLine(this.#detail(event))) : undefined
      case 'file-copied':
        return `${styles.good(done)} ${safeLine(event.path)} (${formatBytes(event.size)})`
      case 'file-planned':
        return event.state === 'new'
          ? undefined
          : `${styles.quiet(`${fileWords[event.state === 'base' ? 'in-base' : 'reused']}:`)} ${safeLine(event.path)}`
      case 'file-failed':
      case 'file-progressed':
      case 'run-started':
      case 'blob-progressed':
      case 'layer-progressed':
      case 'run-progressed':
      case 'run-finished':
    }
    return undefined
  }

  #amounts({ image }: Of<'image-copied'>, now: number): readonly string[] {
    const { size, startedAt } = this.#tally.of(image)
    return [...(size > 0 ? [formatBytes(size)] : []), ...(Number.isNaN(startedAt) ? [] : [formatDuration(now - startedAt)])]
  }

  #throttled({ origin, side, delay }: Of<'throttled'>, now: number): string | undefined {
    const before = this.#throttledAt.get(origin)
    if (before !== undefined && now - before < (this.#options.throttleInterval ?? 10_000)) return undefined
    this.#throttledAt.set(origin, now)
    return `${this.#options.styles.warning('throttled:')} ${safeLine(origin)} (${side}) asked to wait ${formatDuration(delay)}`
  }

  /** The line that only `--verbose` prints. */
  #detail(event: Detailed): string {
    switch (event.type) {
      case 'retrying': {
        const image = event.image === undefined ? '' : ` for ${event.image}`
        return `retry ${event.attempt} in ${formatDuration(event.delay)}${image}: ${formatErrorLine(event.error)}`
      }
      case 'image-failed':
        return `failed ${event.image}, will be retried at the end: ${formatErrorLine(event.error)}`
      case 'image-started':
        return `${event.round === 1 ? 'start' : 'second round'} ${event.image}`
      case 'image-planned':
        return describePlan(event)
      case 'blob-skipped':
        return describeContent(event, this.#skipReason(event))
      case 'blob-copied':
        return describeContent(event, 'blob')
      case 'manifest-copied':
        return describeContent(event, 'manifest')
    }
  }

  #skipReason({ reason }: Of<'blob-skipped'>): string {
    const isShared = reason === 'mounted' && this.#run !== undefined && describeShared(this.#run).startsWith('shared')
    return isShared ? 'shared' : reason
  }
}

function inBrackets(facts: readonly string[]): string {
  return facts.length === 0 ? '' : ` (${facts.join(', ')})`
}

function describePlan({ image, destination, state, digest, blobs, size }: Of<'image-planned'>): string {
  const target = destination === image ? '' : ` -> ${destination}`
  const facts = digest === undefined ? 'contents unknown before the pull' : `${digest}, ${blobs} blobs, ${formatBytes(size)}`
  return `${state} ${image}${target} (${facts})`
}

function describeContent({ digest, image, size }: Of<'blob-skipped' | 'blob-copied' | 'manifest-copied'>, what: string): string {
  return `${what} ${digest} of ${image} (${formatBytes(size)})`
}
