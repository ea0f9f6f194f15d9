import { isMirrorError } from '../../errors.ts'
import { version } from '../../version.ts'
import type { CliProcess } from '../cli-process.ts'
import type { SyncFlags } from '../commands/sync.ts'
import { exitCodes } from '../exit-code.ts'
import { textLine } from '../output/flags.ts'
import { formatCount, formatDuration } from '../output/format-amount.ts'
import { formatSync } from '../output/sync-text.ts'
import type { SyncConfig } from '../sync/sync-config.ts'
import { errorsOf, hasSucceeded, type SyncReport } from '../sync/sync-report.ts'
import { watch } from '../sync/watch.ts'

/** What is repeated. */
export interface WatchedConfig {
  readonly config: SyncConfig
  /** Reads the configuration again. */
  readonly read: () => Promise<SyncConfig>
  readonly run: (config: SyncConfig, signal: AbortSignal) => Promise<SyncReport>
  readonly writeReport: (report: SyncReport) => Promise<void>
}

const defaultInterval = 3_600_000

/** Identifies what is wrong after a run; empty where nothing is. */
function faultsOf({ entries }: SyncReport): string {
  const faults = entries
    .filter((entry) => !hasSucceeded(entry))
    .map((entry) => {
      const images = (entry.report?.destinations ?? []).map(({ destination, images: all }) => [
        destination,
        all.filter(({ status }) => status === 'failed').map(({ source, error }) => [source, error?.code]),
      ])
      return [entry.name, errorsOf(entry).map(({ code, message }) => [code, message]), images]
    })
  return faults.length === 0 ? '' : JSON.stringify(faults)
}

/** Prints runs that changed something, and failures when they begin, change and end; with JSON every run. */
class RunPrinter {
  readonly #cli: CliProcess
  readonly #flags: SyncFlags
  #faults: string | undefined

  constructor(cli: CliProcess, flags: SyncFlags) {
    this.#cli = cli
    this.#flags = flags
  }

  show(report: SyncReport): void {
    const { quiet = false, events, output } = this.#flags
    const faults = faultsOf(report)
    const isNews = faults !== this.#faults || report.totals.copied + report.totals.replaced > 0
    this.#faults = faults
    if (output === 'json') return this.#cli.show(report, () => '')
    if (isNews && (faults !== '' || !quiet) && events !== '-') this.#cli.show(report, (styles) => formatSync(report, styles))
    if (!isNews && faults !== '')
      this.#cli.note(
        `still failing: ${report.entries
          .filter((entry) => !hasSucceeded(entry))
          .map(({ name }) => name)
          .join(', ')}`,
      )
  }
}

/** Runs a configuration until a signal ends the program; SIGHUP reads it again. */
export async function watchConfig(cli: CliProcess, flags: SyncFlags, { config, read, run, writeReport }: WatchedConfig): Promise<void> {
  const { config: path, listen } = flags
  const { SyncMetrics } = await import('../sync/sync-metrics.ts')
  const { startStatusServer } = await import('../sync/status-server.ts')
  const metrics = new SyncMetrics()
  await using server = listen && (await startStatusServer(listen, () => metrics.render(version)))
  const printer = new RunPrinter(cli, flags)
  let used = config
  const interval = (): number => flags.interval ?? used.interval ?? defaultInterval
  const runOnce = async (): Promise<boolean> => {
    // A signal of its own for each run, so that nothing of a run stays with the one of the process.
    const abort = new AbortController()
    const stop = (): void => abort.abort(cli.signal.reason)
    cli.signal.addEventListener('abort', stop, { once: true })
    metrics.isRunning = true
    try {
      const report = await run(used, abort.signal)
      if (report.interrupted === true) return false
      metrics.observe(report, new Date())
      printer.show(report)
      await writeReport(report).catch((error: unknown) => cli.warn(messageOf(error)))
      return report.entries.every(hasSucceeded)
    } finally {
      metrics.isRunning = false
      cli.signal.removeEventListener('abort', stop)
      // Node keeps signals that follow another one, and everything that listens to them, until that one is aborted.
      abort.abort()
    }
  }
  const describe = (): string => `${formatCount(used.entries.length, 'entry', 'entries')} of ${path} every ${formatDuration(interval())}`
  cli.note(`watching ${describe()}; press Ctrl-C to stop`)
  if (server !== undefined) cli.note(`serving /metrics and /healthz at ${server.url}`)
  const loop = watch({ run: runOnce, interval, signal: cli.signal })
  const reload = async (): Promise<void> => {
    try {
      used = await read()
      metrics.reloaded(true)
      cli.note(`reloaded: watching ${describe()}`)
      loop.wake()
    } catch (error) {
      if (cli.signal.aborted) return
      metrics.reloaded(false)
      cli.warn(`${path} is not reloaded, the previous configuration stays in use: ${messageOf(error)}`)
    }
  }
  let reloading = Promise.resolve()
  cli.onHangup(() => {
    if (path === '-') cli.warn('the configuration is not reloaded: it was read from standard input')
    else reloading = reloading.then(reload)
  })
  await loop.ended
  await reloading
  cli.exit(exitCodes.done)
}

function messageOf(error: unknown): string {
  return textLine(isMirrorError(error) ? `${error.message} (${error.code})` : String(error))
}
