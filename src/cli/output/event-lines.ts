import type { MirrorEvent } from '../../copy/events.ts'
import { safeLine } from '../../text/printable.ts'
import { formatErrorLine } from './error-text.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatDuration } from './format-amount.ts'
import { formatCoverage } from './list-coverage.ts'
import type { RendererOptions } from './renderer.ts'
import type { RunTally } from './run-tally.ts'

type Of<T extends MirrorEvent['type']> = Extract<MirrorEvent, { type: T }>

/** Turns each event into the line that people read, without its newline, if it deserves one. `tally` must have seen the event already. */
export function eventLines(
  tally: RunTally,
  { styles, verbosity = 'normal', throttleInterval = 10_000 }: RendererOptions,
): (event: MirrorEvent, now: number) => string | undefined {
  const throttledAt = new Map<string, number>()

  const failed = ({ image, error, final }: Of<'image-failed'>): string | undefined => {
    if (final) return `${styles.bad('FAILED')} ${safeLine(image)}: ${formatErrorLine(error)}`
    if (verbosity === 'quiet') return undefined
    return `${styles.warning('failed')} ${safeLine(image)}, tried again at the end: ${formatErrorLine(error)}`
  }
  const amounts = ({ image }: Of<'image-copied'>, now: number): string => {
    const { size, startedAt } = tally.of(image)
    const known = [...(size > 0 ? [formatBytes(size)] : []), ...(Number.isNaN(startedAt) ? [] : [formatDuration(now - startedAt)])]
    return known.length === 0 ? '' : ` (${known.join(', ')})`
  }
  const throttled = ({ origin, side, delay }: Of<'throttled'>, now: number): string | undefined => {
    const before = throttledAt.get(origin)
    if (before !== undefined && now - before < throttleInterval) return undefined
    throttledAt.set(origin, now)
    return `${styles.warning('throttled:')} ${safeLine(origin)} (${side}) asks for a pause of ${formatDuration(delay)}`
  }

  return (event, now) => {
    if (event.type === 'image-failed') return failed(event)
    if (verbosity === 'quiet') return undefined
    switch (event.type) {
      case 'image-copied':
        return `${styles.good('copied')} ${safeLine(event.image)}${amounts(event, now)}`
      case 'image-up-to-date':
        return `${styles.quiet('up to date')} ${safeLine(event.image)}`
      case 'warning':
        return `${styles.warning('warning:')} ${textLine(event.image === undefined ? event.message : `${event.image}: ${event.message}`)}`
      case 'list-read':
        return formatCoverage(event)
      case 'throttled':
        return throttled(event, now)
      case 'image-planned':
      case 'image-started':
      case 'blob-skipped':
      case 'blob-copied':
      case 'manifest-copied':
      case 'retrying':
        return verbosity === 'verbose' ? styles.quiet(textLine(detail(event))) : undefined
      case 'run-started':
      case 'blob-progressed':
      case 'layer-progressed':
      case 'run-finished':
    }
    return undefined
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
