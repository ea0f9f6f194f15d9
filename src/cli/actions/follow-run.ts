import type { MirrorReport } from '../../report/report.ts'
import type { MirrorRun } from '../../runs/start-run.ts'
import { safeLine } from '../../text/printable.ts'
import type { CliProcess } from '../cli-process.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { openEvents, openReport } from '../files/output-files.ts'
import { isDocument, type RunFlags } from '../options/output.ts'
import { createRenderer } from '../output/create-renderer.ts'
import { eventsNdjson } from '../output/json.ts'
import { formatSummary } from '../output/summary.ts'

/** The report of a run, and whether its summary was printed on standard output. */
export interface FollowedRun {
  readonly report: MirrorReport
  readonly hasSummary: boolean
}

/** Follows a run that copies images from its start to the exit code, with `--report`, `--events` and the line that `closing` returns. Throws LOCAL_IO. */
export async function followRun(
  cli: CliProcess,
  flags: RunFlags,
  start: () => MirrorRun,
  closing?: (report: MirrorReport) => Promise<string | undefined>,
): Promise<FollowedRun> {
  const { output, quiet = false, verbose = false, progress = true } = flags
  const writeReport = await openReport(flags.report)
  const events = flags.events === undefined ? undefined : await openEvents(flags.events)
  const renderers = [
    await createRenderer(process.stderr, { env: process.env, verbosity: quiet ? 'quiet' : verbose ? 'verbose' : 'normal', progress }),
    ...(events ? [eventsNdjson(events.output)] : []),
  ]
  const run = start()
  try {
    for await (const event of run) {
      cli.hasBegun ||= event.type === 'image-started'
      for (const renderer of renderers) renderer.event(event)
    }
  } finally {
    for (const renderer of renderers) renderer.end()
  }
  const report = await run.report
  const line = await closing?.(report)
  const hasSummary = !isDocument(output) && !quiet && flags.events !== '-'
  if (report.error !== undefined) cli.explain(report.error)
  const format = isDocument(output) ? await (await import('../output/report-format.ts')).runFormat(output) : formatSummary
  if (isDocument(output) || hasSummary) cli.show(report, (styles) => format(report, styles))
  if (line !== undefined) {
    if (hasSummary) cli.print(`${safeLine(line)}\n`)
    else cli.note(line)
  }
  if (flags.annotate !== undefined) cli.annotate((await import('../output/annotations.ts')).formatAnnotations(report, flags.annotate))
  const changed = flags.detailedExitcode === true && report.totals.copied + report.totals.replaced > 0
  // The copied images decide the exit code before these files do.
  cli.exit(exitCodeOfReport(report, cli.stopSignal, changed))
  for (const written of await Promise.allSettled([writeReport(report), events?.close()])) {
    if (written.status === 'rejected') cli.complain(written.reason)
  }
  return { report, hasSummary }
}
