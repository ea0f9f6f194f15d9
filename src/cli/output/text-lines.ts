import { eventLines } from './event-lines.ts'
import { formatCount, formatBytes, formatDuration, formatRate } from './format-amount.ts'
import { outputClock, type Renderer, type RendererOptions, type TextOutput } from './renderer.ts'
import { RunTally } from './run-tally.ts'

/** Where a run stands, on one line: `3/8 images, 120 MB of 500 MB, 25 MB/s, 15s left, 2 failed`. */
export function formatStanding(tally: RunTally, now: number): string {
  const rate = tally.rate(now)
  const left = tally.timeLeft(now)
  return [
    `${tally.imagesDone}/${formatCount(tally.images, 'image')}`,
    `${formatBytes(tally.bytesDone)} of ${formatBytes(tally.bytesExpected)}`,
    ...(rate === undefined ? [] : [formatRate(rate)]),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
    ...(tally.failed === 0 ? [] : [`${tally.failed} failed`]),
  ].join(', ')
}

/** For logs and pipes: one line an image, and a heartbeat while nothing else happens. */
export function textLines(output: TextOutput, options: RendererOptions): Renderer {
  const { clock = outputClock, heartbeat = 10_000 } = options
  const tally = new RunTally()
  const lineOf = eventLines(tally, options)
  let stop: (() => void) | undefined
  const beat = (): void => void output.write(`${options.styles.quiet(`... ${formatStanding(tally, clock.now())}`)}\n`)
  return {
    event(event) {
      const now = clock.now()
      tally.event(event, now)
      const line = lineOf(event, now)
      if (line !== undefined) output.write(`${line}\n`)
      if (event.type === 'run-started' && options.verbosity !== 'quiet') stop = clock.every(heartbeat, beat)
      if (event.type === 'run-finished') stop?.()
    },
    end: () => stop?.(),
  }
}
