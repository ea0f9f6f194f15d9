import type { ErrorSummary } from '../../copy/events.ts'
import { MirrorError } from '../../errors.ts'
import type { PlanReport } from '../../report/plan-report.ts'
import { mirrorToMany } from '../../runs/mirror-to-many.ts'
import { planToMany } from '../../runs/plan-to-many.ts'
import { safeLine } from '../../text/printable.ts'
import type { CliProcess } from '../cli-process.ts'
import type { MirrorFlags, PlanFlags } from '../commands/mirror.ts'
import { exitCodeOfReport, worstExitCode, type ExitCode } from '../exit-code.ts'
import { openReport } from '../files/output-files.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { formatManySummary } from '../output/many-summary.ts'
import { formatPlan } from '../output/plan-table.ts'
import type { Styles } from '../output/styles.ts'
import { followTo } from './follow-run.ts'
import { engineOptions, placeOptions, selectionOptions } from './library-options.ts'

/** Prints what ended the runs of destinations early; once where it is the same for all, as of a source that is down. */
function explain(cli: CliProcess, reports: readonly { readonly destination: string; readonly error?: ErrorSummary }[]): void {
  const [first, ...others] = reports
  if (first?.error !== undefined && others.every(({ error }) => error?.message === first.error?.message)) return cli.explain(first.error)
  for (const { destination, error } of reports)
    if (error !== undefined) cli.explain({ ...error, message: `${destination}: ${error.message}` })
}

function formatPlanOf(report: PlanReport, styles: Styles, verbose: boolean): string {
  if (report.error !== undefined) return `destination: ${safeLine(report.destination)}\n${styles.bad('not planned')}\n`
  return formatPlan(report, { styles, verbose })
}

function exitCodeOfPlan({ failures, error }: PlanReport): ExitCode {
  return exitCodeOfReport({ images: failures, ...(error && { error }) })
}

/** Prints what a mirror would copy to each of several destinations. */
export async function runPlanToMany(cli: CliProcess, flags: PlanFlags, references: readonly string[]): Promise<void> {
  const writeReport = await openReport(flags.report)
  const options = { ...placeOptions(flags), ...engineOptions(flags), ...selectionOptions(references, flags), signal: cli.signal }
  const report = await planToMany(options)
  const { destinations } = report
  for (const line of coverageLines(destinations.find(({ lists }) => lists.length > 0)?.lists ?? [])) cli.note(line)
  explain(cli, destinations)
  cli.show(report, (styles) => destinations.map((one) => formatPlanOf(one, styles, flags.verbose === true)).join('\n'))
  cli.exit(worstExitCode(destinations.map(exitCodeOfPlan)))
  await writeReport(report).catch(cli.complain)
}

/** Copies the images to several destinations. */
export async function runMirrorToMany(cli: CliProcess, flags: MirrorFlags, references: readonly string[]): Promise<void> {
  if (flags.writeRegistries !== undefined) {
    throw new MirrorError('USAGE', '--write-registries requires exactly one --to: nodes would get one file for several registries', {
      hint: 'run k3s-mirror registries generate for the registry that the nodes pull from',
    })
  }
  const start = (): ReturnType<typeof mirrorToMany> =>
    mirrorToMany({ ...placeOptions(flags), ...engineOptions(flags), ...selectionOptions(references, flags), signal: cli.signal })
  await followTo(cli, flags, start, {
    destinations: flags.to.length,
    async close({ destinations }) {
      explain(cli, destinations)
      return undefined
    },
    format: formatManySummary,
    exitCode: ({ destinations }) => worstExitCode(destinations.map((one) => exitCodeOfReport(one, cli.stopSignal))),
  })
}
