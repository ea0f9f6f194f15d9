import type { Command } from 'commander'
import type { CliProcess } from '../cli-process.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { addEngine, engineOptions, type EngineFlags } from '../options/engine.ts'
import { openReport, refuseSharedFiles } from '../options/output-files.ts'
import { addOutput, type OutputFlags } from '../options/output.ts'
import { addPlaces, placeOptions, type PlaceFlags } from '../options/places.ts'
import { addSelection, selectionOptions, type SelectionFlags } from '../options/selection.ts'
import { formatJson } from '../output/events-ndjson.ts'
import { formatCoverage } from '../output/list-coverage.ts'
import { formatPlan } from '../output/plan-table.ts'
import { stylesFor } from '../output/styles.ts'

type PlanFlags = SelectionFlags & PlaceFlags & EngineFlags & OutputFlags

/** Prints what would move, and moves nothing. */
export async function runPlan(references: readonly string[], flags: PlanFlags, cli: CliProcess): Promise<void> {
  await refuseSharedFiles([flags.report], [...(flags.images ?? []), flags.registries])
  const writeReport = flags.report === undefined ? undefined : await openReport(flags.report)
  const { planImages } = await import('../../runs/plan-images.ts')
  const report = await planImages({
    ...placeOptions(flags),
    ...engineOptions(flags),
    ...selectionOptions(references, flags),
    signal: cli.signal,
  })
  for (const line of report.lists.map(formatCoverage)) if (line !== undefined) cli.note(line, flags)
  const text = formatPlan(report, { styles: stylesFor(process.stdout, process.env), verbose: flags.verbose === true })
  cli.print(flags.output === 'json' ? `${formatJson(report)}\n` : text)
  cli.exit(exitCodeOfReport({ images: report.failures }))
  await writeReport?.(report).catch((error: unknown) => cli.complain(error, flags))
}

/** Adds `k3s-mirror plan`. */
export function addPlanCommand(program: Command, cli: CliProcess): void {
  const command = program.command('plan').description('say what would move: images, blobs, bytes, Docker Hub pulls; moves nothing')
  addOutput(addEngine(addPlaces(addSelection(command))))
    .option('--report <file>', 'write the JSON report to this file too')
    .action((references: string[], flags: PlanFlags) => runPlan(references, flags, cli))
}
