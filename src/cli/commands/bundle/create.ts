import type { Command } from 'commander'
import { createBundle } from '../../../create-bundle.ts'
import { refuseSharedFiles } from '../../options/output-files.ts'
import { addOutput, addRunOutput, type OutputFlags } from '../../options/output.ts'
import { addPlatforms, addSources, addTransfer, sourceOptions, type SourceFlags } from '../../options/places.ts'
import { addSelectionOptions, selectionOptions, type SelectionFlags } from '../../options/selection.ts'
import type { Session } from '../../session.ts'
import { openRunOutput } from '../run-output.ts'

type CreateFlags = SelectionFlags & SourceFlags & OutputFlags

/** Adds `k3s-mirror bundle create`. */
export function addBundleCreateCommand(parent: Command, session: Session): void {
  const command = parent
    .command('create')
    .description('put images into one file, every blob once; an interrupted run goes on where it was')
    .argument('<file>', 'the bundle, ending in .tar: an OCI layout, which skopeo and containerd read too')
    .argument('[reference...]', 'single images')
  addRunOutput(addOutput(addTransfer(addPlatforms(addSources(addSelectionOptions(command)))))).action(
    async (file: string, references: string[], flags: CreateFlags) => {
      await refuseSharedFiles([file, flags.report, flags.events], [...(flags.images ?? []), flags.registries])
      const output = await openRunOutput(flags, session)
      const options = { file, ...sourceOptions(flags), ...selectionOptions(references, flags), signal: session.signal }
      const report = await output.follow(createBundle(options))
      output.print(report)
      await output.finish(report)
    },
  )
}
