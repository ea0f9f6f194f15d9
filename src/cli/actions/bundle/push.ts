import { pushBundle } from '../../../runs/push-bundle.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { PushFlags } from '../../commands/bundle/push.ts'
import { refuseSharedFiles } from '../../files/output-files.ts'
import { followRun } from '../follow-run.ts'
import { placeOptions } from '../library-options.ts'

/** Copies the images of archives to a registry or a layout. */
export async function run(cli: CliProcess, flags: PushFlags, files: readonly string[]): Promise<void> {
  const { include, exclude, name } = flags
  await refuseSharedFiles([flags.report, flags.events], [...files, flags.registries])
  await followRun(cli, flags, () => pushBundle({ ...placeOptions(flags), files, include, exclude, name, signal: cli.signal }))
}
