import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Option, type Command } from 'commander'
import { bundleTarget } from '../../../bundle/bundle-target.ts'
import { partListPath, readPartList } from '../../../bundle/part-list.ts'
import { safeLine } from '../../../text/printable.ts'
import type { CliProcess } from '../../cli-process.ts'
import { refuseSharedFiles } from '../../options/output-files.ts'
import { addOutput, addRunOutput, type OutputFlags } from '../../options/output.ts'
import { addPlatforms, addSources, addTransfer, sourceOptions, type SourceFlags } from '../../options/places.ts'
import { addSelectionOptions, selectionOptions, type SelectionFlags } from '../../options/selection.ts'
import { parseSize } from '../../options/size.ts'
import { formatBytes, formatCount } from '../../output/format-amount.ts'
import { openRunOutput } from '../run-output.ts'

interface CreateFlags extends SelectionFlags, SourceFlags, OutputFlags {
  readonly since?: string
  readonly lock?: string
  readonly splitSize?: number
}

/** What the run has left on the disk, as lines that end with a newline. */
async function formatWritten(name: string, { lock, splitSize }: CreateFlags): Promise<string> {
  const file = await bundleTarget(name)
  // Beside a bundle that is not split, a list is the user's own.
  const parts = splitSize === undefined ? undefined : await readPartList(file)
  const paths = parts === undefined ? [file] : parts.map(({ name }) => join(dirname(file), name))
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  const size = formatBytes(sizes.reduce((sum, bytes) => sum + bytes, 0))
  const last = paths.at(-1) ?? file
  const what =
    parts === undefined ? file : `${formatCount(paths.length, 'part')} of ${file}, ${paths[0]} to ${last}, and ${partListPath(file)}`
  return [`wrote ${safeLine(what)} (${size})`, ...(lock === undefined ? [] : [`wrote ${safeLine(lock)}, for a later --since`]), ''].join(
    '\n',
  )
}

/** Adds `k3s-mirror bundle create`. */
export function addBundleCreateCommand(parent: Command, cli: CliProcess): void {
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
      const output = await openRunOutput(flags, cli)
      const { since, lock, splitSize } = flags
      const options = {
        file,
        since,
        lock,
        splitSize,
        ...sourceOptions(flags),
        ...selectionOptions(references, flags),
        signal: cli.signal,
      }
      const { createBundle } = await import('../../../runs/create-bundle.ts')
      const report = await output.follow(createBundle(options))
      output.print(report)
      await output.finish(report)
      if (output.hasSummary && report.totals.failed === 0 && report.interrupted !== true) {
        cli.print(await formatWritten(file, flags))
      }
    },
  )
}
