import type { MirrorEvent } from '../../copy/events.ts'
import type { ReportDocument } from '../../report/report-document.ts'
import type { MirrorReport } from '../../report/report.ts'
import type { MirrorRun, Run } from '../../runs/start-run.ts'
import { safeLine } from '../../text/printable.ts'
import type { CliProcess } from '../cli-process.ts'
import type { NodeFlags } from '../commands/registries.ts'
import { exitCodeOfRun, type ExitCode } from '../exit-code.ts'
import { openEvents, openReport } from '../files/output-files.ts'
import { isDocument, type RunFlags } from '../options/output.ts'
import { createRenderer } from '../output/create-renderer.ts'
import { eventsNdjson } from '../output/json.ts'
import type { Styles } from '../output/styles.ts'
import { formatSummary } from '../output/summary.ts'
import type { NodesWriter } from './registries/node-registries.ts'

/** The report of a run, and whether its summary was printed on standard output. */
export interface FollowedRun {
  readonly report: MirrorReport
  readonly hasSummary: boolean
}

/** How the end of a run is shown. */
interface Ending<Report> {
  readonly destinations?: number
  /** Prints what ended the run early, and what comes after it; returns a closing line. */
  readonly close: (report: Report) => Promise<string | undefined>
  /** The text of the report for `--output`. */
  readonly format: (output: string | undefined) => Promise<(report: Report, styles: Styles) => string>
  readonly exitCode: (report: Report) => ExitCode
}

/** Follows a run from its start to the exit code, with `--report` and `--events`. Throws LOCAL_IO. */
export async function followTo<Event extends MirrorEvent, Report extends ReportDocument>(
  cli: CliProcess,
  flags: RunFlags,
  start: () => Run<Event, Report>,
  { destinations, close, format, exitCode }: Ending<Report>,
): Promise<{ readonly report: Report; readonly hasSummary: boolean }> {
  const { output, quiet = false, verbose = false, progress = true } = flags
  const writeReport = await openReport(flags.report)
  const events = flags.events === undefined ? undefined : await openEvents(flags.events)
  const verbosity = quiet ? 'quiet' : verbose ? 'verbose' : 'normal'
  const renderers = [
    await createRenderer(process.stderr, { env: process.env, verbosity, progress, destinations }),
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
  const line = await close(report)
  const hasSummary = !isDocument(output) && !quiet && flags.events !== '-'
  if (isDocument(output) || hasSummary) {
    const text = await format(output)
    cli.show(report, (styles) => text(report, styles))
  }
  if (line !== undefined) {
    if (hasSummary) cli.print(`${safeLine(line)}\n`)
    else cli.note(line)
  }
  if (flags.annotate !== undefined) cli.annotate((await import('../output/annotations.ts')).formatAnnotations(report, flags.annotate))
  // The copied images decide the exit code before these files do.
  cli.exit(exitCode(report))
  for (const written of await Promise.allSettled([writeReport(report), events?.close()])) {
    if (written.status === 'rejected') cli.complain(written.reason)
  }
  return { report, hasSummary }
}

/** Follows a run that copies images from its start to the exit code, with `--report`, `--events` and the line that `closing` returns. Throws LOCAL_IO. */
export async function followRun(
  cli: CliProcess,
  flags: RunFlags,
  start: () => MirrorRun,
  closing?: (report: MirrorReport) => Promise<string | undefined>,
): Promise<FollowedRun> {
  return followTo(cli, flags, start, {
    async close(report) {
      const line = await closing?.(report)
      if (report.error !== undefined) cli.explain(report.error)
      return line
    },
    // Formats of documents are loaded where they are asked for.
    format: async (output) => (isDocument(output) ? (await import('../output/report-format.ts')).runFormat(output) : formatSummary),
    exitCode: (report) => exitCodeOfRun(report, { detailed: flags.detailedExitcode, signal: cli.stopSignal }),
  })
}

/** Prepares `--write-registries`, whose code is loaded only with it; undefined without it. Throws as `openNodesWriter`. */
export async function openWriteRegistries(
  flags: NodeFlags & { readonly writeRegistries?: string },
  cli: CliProcess,
): Promise<NodesWriter | undefined> {
  if (flags.writeRegistries === undefined) return undefined
  const { openNodesWriter } = await import('./registries/node-registries.ts')
  return openNodesWriter(flags.writeRegistries, flags, cli)
}
