import type { Command } from 'commander'
import type { CliProcess } from '../../cli-process.ts'
import { exitCodes } from '../../exit-code.ts'
import { addOutput, type OutputFlags } from '../../options/output.ts'
import { addName } from '../../options/selection.ts'
import { formatBundleCheck } from '../../output/bundle-text.ts'
import { formatJson } from '../../output/events-ndjson.ts'
import { stylesFor } from '../../output/styles.ts'

/** Adds `k3s-mirror bundle check`. */
export function addBundleCheckCommand(parent: Command, cli: CliProcess): void {
  addName(
    addOutput(
      parent
        .command('check')
        .description(
          'read every byte of a bundle, or of an archive of another tool, again and compare the digests; exit code 4 when something is wrong',
        )
        .argument('<file>', 'the bundle or archive; of one that is split also a single part'),
    ),
  ).action(async (file: string, flags: OutputFlags & { readonly name?: string }) => {
    const { checkBundle } = await import('../../../bundle/check-archive.ts')
    const check = await checkBundle(file, { name: flags.name, signal: cli.signal })
    const document = { schemaVersion: 1, command: 'bundle check', file, ...check }
    cli.print(flags.output === 'json' ? `${formatJson(document)}\n` : formatBundleCheck(document, stylesFor(process.stdout, process.env)))
    cli.exit(check.problems.length === 0 ? exitCodes.done : exitCodes.problemsFound)
  })
}
