import { planImages } from '../../runs/plan-images.ts'
import type { CliProcess } from '../cli-process.ts'
import type { PlanFlags } from '../commands/plan.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { formatPlan } from '../output/plan-table.ts'
import { engineOptions, placeOptions, selectionOptions } from './library-options.ts'

/** Prints what would move, and moves nothing. */
export async function run(cli: CliProcess, flags: PlanFlags, references: readonly string[]): Promise<void> {
  await refuseSharedFiles([flags.report], [...(flags.images ?? []), flags.registries])
  const writeReport = await openReport(flags.report)
  const options = { ...placeOptions(flags), ...engineOptions(flags), ...selectionOptions(references, flags), signal: cli.signal }
  const report = await planImages(options)
  for (const line of coverageLines(report.lists)) cli.note(line)
  cli.show(report, (styles) => formatPlan(report, { styles, verbose: flags.verbose === true }))
  cli.exit(exitCodeOfReport({ images: report.failures }))
  await writeReport(report).catch(cli.complain)
}
