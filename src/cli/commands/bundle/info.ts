import type { Command } from 'commander'
import { BundleReader } from '../../../bundle/bundle-reader.ts'
import { describeBundle } from '../../../bundle/describe-bundle.ts'
import { formatBundleInfo } from '../../output/bundle-text.ts'
import { formatJson } from '../../output/events-ndjson.ts'
import { stylesFor } from '../../output/styles.ts'
import { addOutput, type OutputFlags } from '../../options/output.ts'
import type { Session } from '../../session.ts'

/** Adds `k3s-mirror bundle info`. */
export function addBundleInfoCommand(parent: Command, session: Session): void {
  addOutput(
    parent.command('info').description('what is in a bundle: lists, images, platforms, sizes').argument('<file>', 'the bundle'),
  ).action(async (file: string, flags: OutputFlags) => {
    await using bundle = await BundleReader.open(file)
    const info = await describeBundle(bundle, { signal: session.signal })
    session.print(flags.output === 'json' ? `${formatJson(info)}\n` : formatBundleInfo(info, stylesFor(process.stdout, process.env)))
  })
}
