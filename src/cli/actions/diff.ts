import type { DiffReport } from '../../report/diff-report.ts'
import { diffImages } from '../../runs/diff-images.ts'
import type { CliProcess } from '../cli-process.ts'
import type { DiffFlags } from '../commands/diff.ts'
import { exitCodeOfReport, exitCodes } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { coverageLines } from '../output/list-coverage.ts'
import type { Styles } from '../output/styles.ts'
import { destinationCredentials, selectionOptions, sourceOptions } from './library-options.ts'

/** The text of `--output`; only the format that is asked for is loaded. */
async function formatOf({ output, verbose = false }: DiffFlags): Promise<(report: DiffReport, styles: Styles) => string> {
  if (output === 'markdown') return (await import('../output/diff-markdown.ts')).formatDiffMarkdown
  const { formatDiff } = await import('../output/diff-table.ts')
  return (report, styles) => formatDiff(report, { styles, verbose })
}

/** Compares two releases, lists, bundles or destinations. */
export async function runDiff(cli: CliProcess, flags: DiffFlags, a: string, b: string): Promise<void> {
  const { rewrite, flatten, sparse, namesOnly, exitCode = false } = flags
  await refuseSharedFiles([flags.report], [a, b, ...(flags.images ?? []), flags.registries])
  const writeReport = await openReport(flags.report)
  const { references: _references, ...selection } = selectionOptions([], flags)
  const report = await diffImages({
    ...sourceOptions(flags),
    ...selection,
    destinationCredentials: destinationCredentials(process.env),
    a,
    b,
    rewrite,
    flatten,
    sparse,
    namesOnly,
    signal: cli.signal,
  })
  for (const line of coverageLines([...report.a.lists, ...report.b.lists])) cli.note(line)
  if (report.error !== undefined) cli.explain(report.error)
  const format = await formatOf(flags)
  cli.show(report, (styles) => format(report, styles))
  const { images, error, totals } = report
  const failed = exitCodeOfReport({ images, ...(error && { error }) })
  const isDifferent = totals.unchanged < totals.images
  cli.exit(failed === exitCodes.done && exitCode && isDifferent ? exitCodes.changed : failed)
  await writeReport(report).catch(cli.complain)
}
