import type { Command } from 'commander'
import type { CliProcess } from '../../cli-process.ts'
import { addOutput, type OutputFlags } from '../../options/output.ts'
import { addName } from '../../options/selection.ts'
import { formatBundleInfo } from '../../output/bundle-text.ts'
import { formatJson } from '../../output/events-ndjson.ts'
import { stylesFor } from '../../output/styles.ts'

/** Adds `k3s-mirror bundle info`. */
export function addBundleInfoCommand(parent: Command, cli: CliProcess): void {
  addName(
    addOutput(
      parent
        .command('info')
        .description('what is in a bundle, or in an archive of another tool: lists, images, platforms, sizes')
        .argument('<file>', 'the bundle or archive'),
    ),
  ).action(async (file: string, flags: OutputFlags & { readonly name?: string }) => {
    const { describeBundle } = await import('../../../bundle/describe-archive.ts')
    const info = await describeBundle(file, { name: flags.name, signal: cli.signal })
    const document = { schemaVersion: 1, command: 'bundle info', ...info }
    cli.print(flags.output === 'json' ? `${formatJson(document)}\n` : formatBundleInfo(info, stylesFor(process.stdout, process.env)))
  })
}
