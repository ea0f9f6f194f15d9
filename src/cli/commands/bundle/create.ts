import { Option, type Command } from 'commander'
import { createBundle } from '../../../create-bundle.ts'
import { refuseSharedFiles } from '../../options/output-files.ts'
import { addOutput, addRunOutput, type OutputFlags } from '../../options/output.ts'
import { addPlatforms, addSources, addTransfer, sourceOptions, type SourceFlags } from '../../options/places.ts'
import { addSelectionOptions, selectionOptions, type SelectionFlags } from '../../options/selection.ts'
import { parseSize } from '../../options/size.ts'
import type { Session } from '../../session.ts'
import { openRunOutput } from '../run-output.ts'

interface CreateFlags extends SelectionFlags, SourceFlags, OutputFlags {
  readonly since?: string
  readonly lock?: string
  readonly splitSize?: number
}

/** Adds `k3s-mirror bundle create`. */
export function addBundleCreateCommand(parent: Command, session: Session): void {
  const command = parent
    .command('create')
    .description('put images into one file, every blob once; an interrupted run goes on where it was')
    .argument('<file>', 'the bundle: an OCI layout in a .tar, .tar.zst or .tar.gz, which skopeo and containerd read too')
    .argument('[reference...]', 'single images')
    .option('--since <bundle>', 'leave out what this earlier bundle holds, or what its lock file says that it holds')
    .option('--lock <file>', 'write what the bundle holds to a file, for a later --since')
    .addOption(
      new Option('--split-size <size>', 'split into parts of this size: bytes, or with K, M, G in powers of 1024, as in 4095M').argParser(
        parseSize,
      ),
    )
  addRunOutput(addOutput(addTransfer(addPlatforms(addSources(addSelectionOptions(command)))))).action(
    async (file: string, references: string[], flags: CreateFlags) => {
      await refuseSharedFiles([file, flags.lock, flags.report, flags.events], [...(flags.images ?? []), flags.registries, flags.since])
      const output = await openRunOutput(flags, session)
      const { since, lock, splitSize } = flags
      const options = {
        file,
        since,
        lock,
        splitSize,
        ...sourceOptions(flags),
        ...selectionOptions(references, flags),
        signal: session.signal,
      }
      const report = await output.follow(createBundle(options))
      output.print(report)
      await output.finish(report)
    },
  )
}
