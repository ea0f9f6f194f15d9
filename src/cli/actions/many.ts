import type { ErrorSummary } from '../../copy/events.ts'
import { MirrorError } from '../../errors.ts'
import { mirrorToMany } from '../../runs/mirror-to-many.ts'
import { planToMany } from '../../runs/plan-to-many.ts'
import type { CliProcess } from '../cli-process.ts'
import type { MirrorFlags, PlanFlags } from '../commands/mirror.ts'
import { exitCodeOfPlan, exitCodeOfRun, worstExitCode } from '../exit-code.ts'
import { openReport } from '../files/output-files.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { manyPlanFormat, manyRunFormat } from '../output/report-format.ts'
import { followTo } from './follow-run.ts'
import { mirrorOptions } from './library-options.ts'

/** Prints what ended the runs of destinations early; once where it is the same for all, as of a source that is down. */
function explain(cli: CliProcess, reports: readonly { readonly destination: string; readonly error?: ErrorSummary }[]): void {
  const [first, ...others] = reports
  if (first?.error !== undefined && others.every(({ error }) => error?.message === first.error?.message)) return cli.explain(first.error)
  for (const { destination, error } of reports)
    if (error !== undefined) cli.explain({ ...error, message: `${destination}: ${error.message}` })
}

/** Prints what a mirror would copy to each of several destinations. */
export async function runPlanToMany(cli: CliProcess, flags: PlanFlags, references: readonly string[]): Promise<void> {
  const writeReport = await openReport(flags.report)
  const report = await planToMany(mirrorOptions(flags, references, cli))
  const { destinations } = report
  for (const line of coverageLines(destinations.find(({ lists }) => lists.length > 0)?.lists ?? [])) cli.note(line)
  explain(cli, destinations)
  const format = await manyPlanFormat(flags.output, flags.verbose === true)
  cli.show(report, (styles) => format(report, styles))
  if (flags.annotate !== undefined) cli.annotate((await import('../output/annotations.ts')).formatAnnotations(report, flags.annotate))
  cli.exit(worstExitCode(destinations.map((one) => exitCodeOfPlan(one, { detailed: flags.detailedExitcode }))))
  await writeReport(report).catch(cli.complain)
}

/** Copies the images to several destinations. */
export async function runMirrorToMany(cli: CliProcess, flags: MirrorFlags, references: readonly string[]): Promise<void> {
  if (flags.writeRegistries !== undefined) {
    throw new MirrorError('USAGE', '--write-registries requires exactly one --to: nodes would get one file for several registries', {
      hint: 'run k3s-mirror registries generate for the registry that the nodes pull from',
    })
  }
  const start = (): ReturnType<typeof mirrorToMany> => mirrorToMany(mirrorOptions(flags, references, cli))
  await followTo(cli, flags, start, {
    destinations: flags.to.length,
    async close({ destinations }) {
      explain(cli, destinations)
      return undefined
    },
    format: manyRunFormat,
    exitCode: ({ destinations }) =>
      worstExitCode(destinations.map((one) => exitCodeOfRun(one, { detailed: flags.detailedExitcode, signal: cli.stopSignal }))),
  })
}
