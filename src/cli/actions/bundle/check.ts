import { checkBundle } from '../../../bundle/inspect-bundle.ts'
import type { CliProcess } from '../../cli-process.ts'
import { exitCodes } from '../../exit-code.ts'
import type { ArchivedFlags } from '../../options/selection.ts'
import { formatBundleCheck } from '../../output/bundle-text.ts'

/** Reads every byte of an archive, and prints what is wrong with it. */
export async function run(cli: CliProcess, { name }: ArchivedFlags, file: string): Promise<void> {
  const check = { schemaVersion: 1, command: 'bundle check', file, ...(await checkBundle(file, { name, signal: cli.signal })) }
  cli.show(check, (styles) => formatBundleCheck(check, styles))
  cli.exit(check.problems.length === 0 ? exitCodes.done : exitCodes.problemsFound)
}
