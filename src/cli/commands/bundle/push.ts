import type { Command } from 'commander'
import type { CliProcess } from '../../cli-process.ts'
import { refuseSharedFiles } from '../../options/output-files.ts'
import { addOutput, addRunOutput, type OutputFlags } from '../../options/output.ts'
import { addDestination, addNaming, addTransfer, placeOptions, type PlaceFlags } from '../../options/places.ts'
import { addFilters, addName, type SelectionFlags } from '../../options/selection.ts'
import { openRunOutput } from '../run-output.ts'

type PushFlags = Pick<SelectionFlags, 'include' | 'exclude' | 'name'> & PlaceFlags & OutputFlags

/** Adds `k3s-mirror bundle push`. */
export function addBundlePushCommand(parent: Command, cli: CliProcess): void {
  const command = parent
    .command('push')
    .description(
      'copy the images of archives to a registry or a layout, straight out of the files; the platforms of one image come under one tag',
    )
    .argument('<file...>', 'bundles, and archives of docker save, ctr images export, skopeo or a K3s release; gzip and zstd too')
  addRunOutput(addOutput(addTransfer(addNaming(addDestination(addName(addFilters(command))))))).action(
    async (files: string[], flags: PushFlags) => {
      await refuseSharedFiles([flags.report, flags.events], [...files, flags.registries])
      const output = await openRunOutput(flags, cli)
      const { include, exclude, name } = flags
      const { pushBundle } = await import('../../../runs/push-bundle.ts')
      const report = await output.follow(pushBundle({ ...placeOptions(flags), files, include, exclude, name, signal: cli.signal }))
      output.print(report)
      await output.finish(report)
    },
  )
}
