import type { RunTally } from '../../report/run-tally.ts'
import { formatBytes, formatCount, formatDuration, formatRate } from './format-amount.ts'
import { outputClock, type Renderer, type RendererOptions, type TextOutput } from './renderer.ts'
import { runView } from './run-view.ts'

/** The parts of a line about a run's progress, the most important first. */
export function progressParts(tally: RunTally, now: number): readonly string[] {
  const rate = tally.rate(now)
  const left = tally.timeLeft(now)
  return [
    `${tally.imagesDone}/${formatCount(tally.images, 'image')}`,
    ...(tally.failed === 0 ? [] : [`${tally.failed} failed`]),
    `${formatBytes(tally.bytesDone)} of ${formatBytes(tally.bytesExpected)}`,
    ...(rate === undefined ? [] : [formatRate(rate)]),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
  ]
}

/** For logs and pipes: one line per image, and a progress line at intervals. */
export function textLines(output: TextOutput, options: RendererOptions): Renderer {
  const { clock = outputClock, heartbeat = 10_000 } = options
  const view = runView(options)
  let stop: (() => void) | undefined
  const write = (written: readonly string[]): void => {
    for (const line of written) output.write(`${line}\n`)
  }
  const beat = (): void => write([options.styles.quiet(`... ${progressParts(view.tally, clock.now()).join(', ')}`)])
  return {
    event(event) {
      write(view.event(event, clock.now()))
      if (event.type === 'run-started' && options.verbosity !== 'quiet') stop ??= clock.every(heartbeat, beat)
      if (view.isOver) stop?.()
    },
    end() {
      stop?.()
      write(view.end())
    },
  }
}
