import { formatLock } from '../../lock/format-lock.ts'
import { lockImages } from '../../runs/lock-images.ts'
import type { CliProcess } from '../cli-process.ts'
import type { LockFlags } from '../commands/lock.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { failureLines } from '../output/failures.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { formatLockReport } from '../output/lock-text.ts'
import { stylesFor } from '../output/styles.ts'
import { selectionOptions, sourceOptions } from './library-options.ts'

/** Writes the digests of images to a lock file, or to standard output. */
export async function runLock(cli: CliProcess, flags: LockFlags, references: readonly string[]): Promise<void> {
  const { sparse } = flags
  const out = flags.out === '-' ? undefined : flags.out
  await refuseSharedFiles([out, flags.report], [...(flags.images ?? []), flags.registries])
  const writeReport = await openReport(flags.report)
  const { locked: _none, ...selection } = selectionOptions(references, flags)
  const document = await lockImages({ ...sourceOptions(flags), ...selection, sparse, out, signal: cli.signal })
  const { lists, warnings, failures, error, totals } = document
  for (const message of warnings) cli.warn(message)
  for (const line of coverageLines(lists)) cli.note(line)
  if (error !== undefined) cli.explain(error)
  else {
    const failed = failures.map(({ reference, error: why }) => ({ source: reference, error: why }))
    for (const line of failureLines(failed, totals.images, stylesFor(process.stderr, process.env))) cli.say(line)
  }
  cli.show(document, (styles) => (out === undefined && failures.length === 0 ? formatLock(document) : formatLockReport(document, styles)))
  cli.exit(exitCodeOfReport({ images: failures, ...(error && { error }) }))
  await writeReport(document).catch(cli.complain)
}
