import { MirrorError } from '../../errors.ts'
import { formatReference } from '../../oci/reference.ts'
import { listImages } from '../../runs/list-images.ts'
import { mirror } from '../../runs/mirror.ts'
import { planImages } from '../../runs/plan-images.ts'
import type { CliProcess } from '../cli-process.ts'
import type { ImagesFlags, MirrorFlags, PlanFlags } from '../commands/mirror.ts'
import { exitCodes, exitCodeOfPlan } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { followRun, openWriteRegistries } from './follow-run.ts'
import { mirrorOptions, selectedFiles, selectionOptions } from './library-options.ts'

/** Prints the image list. */
export async function runImageList(cli: CliProcess, flags: ImagesFlags, references: readonly string[]): Promise<void> {
  const { registries } = flags
  const options = { ...selectionOptions(references, flags), registries, environment: process.env, signal: cli.signal }
  const { images: selected, lists, namedBy, warnings } = await listImages(options)
  for (const message of warnings) cli.warn(message)
  for (const line of coverageLines(lists)) cli.note(line)
  const images = selected.map(formatReference)
  if (flags.verbose === true) for (const image of images) cli.note(`${image}: named by ${namedBy[image]?.join(', ') ?? 'the command line'}`)
  cli.show({ schemaVersion: 1, command: 'images', images, lists, namedBy, warnings }, () => images.map((line) => `${line}\n`).join(''))
  cli.exit(exitCodes.done)
}

/** The destination; undefined where there are several, whose code is loaded then. */
function onlyDestination({ to: [first, ...more] }: Pick<PlanFlags, 'to'>): string | undefined {
  return more.length === 0 ? first : undefined
}

/** Prints what a mirror would copy, without copying. */
export async function runPlan(cli: CliProcess, flags: PlanFlags, references: readonly string[]): Promise<void> {
  await refuseSharedFiles([flags.report], [...selectedFiles(flags), flags.registries])
  const to = onlyDestination(flags)
  if (to === undefined) return (await import('./many.ts')).runPlanToMany(cli, flags, references)
  const writeReport = await openReport(flags.report)
  const options = { ...mirrorOptions(flags, references, cli), to }
  const report = await planImages(options)
  for (const line of coverageLines(report.lists)) cli.note(line)
  if (report.error !== undefined) cli.explain(report.error)
  // A mirror does without.
  const { planFormat } = await import('../output/report-format.ts')
  const format = await planFormat(flags.output, flags.verbose === true)
  cli.show(report, (styles) => format(report, styles))
  if (flags.annotate !== undefined) cli.annotate((await import('../output/annotations.ts')).formatAnnotations(report, flags.annotate))
  cli.exit(exitCodeOfPlan(report, { detailed: flags.detailedExitcode }))
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
  if (writeRegistries !== undefined && flags.shard !== undefined) {
    throw new MirrorError('USAGE', '--write-registries cannot be used with --shard: the file would lack the images of the other shards', {
      hint: 'run k3s-mirror registries generate with the same selection and --to',
    })
  }
  await refuseSharedFiles([flags.report, events, writeRegistries], [...selectedFiles(flags), flags.registries])
  const to = onlyDestination(flags)
  if (to === undefined) return (await import('./many.ts')).runMirrorToMany(cli, flags, references)
  const own = { ...flags, to }
  const writeNodes = await openWriteRegistries(own, cli)
  const start = (): ReturnType<typeof mirror> => mirror({ ...mirrorOptions(flags, references, cli), to })
  await followRun(cli, flags, start, writeNodes)
}
