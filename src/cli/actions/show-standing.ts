import type { RegistryEvents } from '../../connect/clients.ts'
import type { CliProcess } from '../cli-process.ts'
import { formatDuration } from '../output/format-amount.ts'
import { outputClock } from '../output/renderer.ts'

/** Milliseconds between two lines on the progress of long work. */
const heartbeat = 10_000

/** How far work on a registry is, on standard error. */
export interface Standing extends Disposable {
  /** Repeated every ten seconds. */
  text: string | undefined
  /** Prints a line with --verbose. */
  detail(line: string): void
  readonly events: Required<Pick<RegistryEvents, 'onRetry' | 'onThrottled'>>
}

/** Shows how far work on a registry is until it is disposed of; with --verbose details and retries too. */
export function showStanding(cli: CliProcess, { verbose }: { readonly verbose?: boolean }): Standing {
  const stop = outputClock.every(heartbeat, () => {
    if (standing.text !== undefined) cli.note(`... ${standing.text}`)
  })
  const detail = (line: string): void => {
    if (verbose === true) cli.note(line)
  }
  const standing: Standing = {
    text: undefined,
    detail,
    events: {
      onRetry: ({ attempt, delay, error }) => detail(`retry ${attempt} in ${formatDuration(delay)}: ${error.message} (${error.code})`),
      onThrottled: ({ origin, delay }) => cli.note(`throttled: ${origin} asks for a pause of ${formatDuration(delay)}`),
    },
    [Symbol.dispose]: stop,
  }
  return standing
}
