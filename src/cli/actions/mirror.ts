import { mirror } from '../../runs/mirror.ts'
import type { CliProcess } from '../cli-process.ts'
import type { MirrorFlags } from '../commands/mirror.ts'
import { refuseSharedFiles } from '../files/output-files.ts'
import { followRun } from './follow-run.ts'
import { engineOptions, placeOptions, selectionOptions } from './library-options.ts'

/** Copies the images; with `--dry-run` plans only. */
export async function run(cli: CliProcess, flags: MirrorFlags, references: readonly string[]): Promise<void> {
  const { writeRegistries } = flags
  if (flags.dryRun === true) {
    if (writeRegistries !== undefined) cli.note(`${writeRegistries} is not written: nothing is moved`)
    const plan = await import('./plan.ts')
    return plan.run(cli, flags, references)
  }
  await refuseSharedFiles([flags.report, flags.events, writeRegistries], [...(flags.images ?? []), flags.registries])
  const writeNodes =
    writeRegistries === undefined
      ? undefined
      : await (await import('./registries/write-for-nodes.ts')).openNodesWriter(writeRegistries, flags, cli)
  const options = (): Parameters<typeof mirror>[0] => ({
    ...placeOptions(flags),
    ...engineOptions(flags),
    ...selectionOptions(references, flags),
    signal: cli.signal,
  })
  await followRun(cli, flags, () => mirror(options()), writeNodes)
}
