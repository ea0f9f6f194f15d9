import type { MirrorReport } from '../../report/report.ts'
import type { MirrorRun } from '../../runs/start-run.ts'
import type { CliProcess } from '../cli-process.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { openEvents, openReport } from '../options/output-files.ts'
import { verbosity, type OutputFlags } from '../options/output.ts'
import { createRenderer } from '../output/create-renderer.ts'
import { eventsNdjson, formatJson } from '../output/events-ndjson.ts'
import { stylesFor } from '../output/styles.ts'
import { formatSummary } from '../output/summary.ts'

/** Where a run that copies images is shown: opened, and found to be writable, before the run begins. */
export interface RunOutput {
  /** True where people read a summary on standard output. */
  readonly hasSummary: boolean
  /** Shows the run's events as they come, and gives its report. */
  follow(run: MirrorRun): Promise<MirrorReport>
  /** Prints the report or its summary. */
  print(report: MirrorReport): void
  /** Sets the exit code, and writes the files about the run: the images are where they are, whatever becomes of those. */
  finish(report: MirrorReport): Promise<void>
}

/** Opens the outputs of `--output`, `--report` and `--events`. Throws LOCAL_IO for a file that cannot be written. */
export async function openRunOutput(flags: OutputFlags, cli: CliProcess): Promise<RunOutput> {
  const writeReport = flags.report === undefined ? undefined : await openReport(flags.report)
  const events = flags.events === undefined ? undefined : await openEvents(flags.events)
  const renderers = [
    await createRenderer(process.stderr, { env: process.env, verbosity: verbosity(flags) }),
    ...(events ? [eventsNdjson(events.output)] : []),
  ]
  const hasSummary = flags.output !== 'json' && flags.quiet !== true && flags.events !== '-'
  return {
    hasSummary,
    async follow(run) {
      try {
        for await (const event of run) for (const renderer of renderers) renderer.event(event)
      } finally {
        for (const renderer of renderers) renderer.end()
      }
      return run.report
    },
    print(report) {
      if (flags.output === 'json') cli.print(`${formatJson(report)}\n`)
      else if (hasSummary) cli.print(formatSummary(report, stylesFor(process.stdout, process.env)))
    },
    async finish(report) {
      cli.exit(exitCodeOfReport(report, cli.stopSignal))
      for (const written of await Promise.allSettled([writeReport?.(report), events?.close()])) {
        if (written.status === 'rejected') cli.complain(written.reason, flags)
      }
    },
  }
}
