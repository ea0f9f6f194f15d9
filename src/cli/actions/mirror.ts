import { formatReference } from '../../oci/reference.ts'
import { listImages } from '../../runs/list-images.ts'
import { mirror } from '../../runs/mirror.ts'
import { planImages } from '../../runs/plan-images.ts'
import type { CliProcess } from '../cli-process.ts'
import type { ImagesFlags, MirrorFlags, PlanFlags } from '../commands/mirror.ts'
import { exitCodes, exitCodeOfReport } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { followRun } from './follow-run.ts'
import { selectionOptions, describeOptions, engineOptions, placeOptions } from './library-options.ts'

/** Prints the image list. */
export async function runImageList(cli: CliProcess, flags: ImagesFlags, references: readonly string[]): Promise<void> {
  const { registries } = flags
  const options = { ...selectionOptions(references, flags), registries, environment: process.env, signal: cli.signal }
  const { images: selected, lists, warnings } = await listImages(options)
  for (const message of warnings) cli.warn(message)
  for (const line of coverageLines(lists)) cli.note(line)
  const images = selected.map(formatReference)
  cli.show({ schemaVersion: 1, command: 'images', images, lists, warnings }, () => images.map((line) => `${line}\n`).join(''))
  cli.exit(exitCodes.done)
}

/** Prints what a mirror would copy, without copying. */
export async function runPlan(cli: CliProcess, flags: PlanFlags, references: readonly string[]): Promise<void> {
  await refuseSharedFiles([flags.report], [...(flags.images ?? []), flags.registries])
  const writeReport = await openReport(flags.report)
  const options = {
    ...placeOptions(flags),
    ...engineOptions(flags),
    ...selectionOptions(references, flags),
    ...describeOptions(flags),
    signal: cli.signal,
  }
  const report = await planImages(options)
  for (const line of coverageLines(report.lists)) cli.note(line)
  if (report.error !== undefined) cli.explain(report.error)
  // A mirror does without.
  const { planFormat } = await import('../output/report-format.ts')
  const format = await planFormat(flags.output, flags.verbose === true)
  cli.show(report, (styles) => format(report, styles))
  if (flags.annotate !== undefined) cli.annotate((await import('../output/annotations.ts')).formatAnnotations(report, flags.annotate))
  const changed = flags.detailedExitcode === true && report.totals.new + report.totals.changed > 0
  cli.exit(exitCodeOfReport({ ...report, images: [...report.images.map(() => ({})), ...report.failures] }, undefined, changed))
  await writeReport(report).catch(cli.complain)
}

/** Copies the images; with `--dry-run` only plans. */
export async function runMirror(cli: CliProcess, flags: MirrorFlags, references: readonly string[]): Promise<void> {
  const { events, writeRegistries } = flags
  if (flags.dryRun === true) {
    const ignored = [events === undefined ? [] : ['--events'], writeRegistries === undefined ? [] : ['--write-registries']].flat()
    for (const flag of ignored) cli.warn(`${flag} is ignored: --dry-run copies nothing and writes only --report`)
    return runPlan(cli, flags, references)
  }
  await refuseSharedFiles([flags.report, events, writeRegistries], [...(flags.images ?? []), flags.registries])
  const writeNodes =
    writeRegistries === undefined
      ? undefined
      : await (await import('./registries/node-registries.ts')).openNodesWriter(writeRegistries, flags, cli)
  const start = (): ReturnType<typeof mirror> =>
    mirror({
      ...placeOptions(flags),
      ...engineOptions(flags),
      ...selectionOptions(references, flags),
      ...describeOptions(flags),
      signal: cli.signal,
    })
  await followRun(cli, flags, start, writeNodes)
}
