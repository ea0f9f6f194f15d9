import { describeBundle } from '../../../bundle/inspect-bundle.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { ArchivedFlags } from '../../options/selection.ts'
import { formatBundleInfo } from '../../output/bundle-text.ts'

/** Prints what is in an archive. */
export async function run(cli: CliProcess, { name }: ArchivedFlags, file: string): Promise<void> {
  const info = await describeBundle(file, { name, signal: cli.signal })
  cli.show({ schemaVersion: 1, command: 'bundle info', ...info }, (styles) => formatBundleInfo(info, styles))
}
