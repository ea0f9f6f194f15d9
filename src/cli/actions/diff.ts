import { diffImages } from '../../runs/diff-images.ts'
import type { CliProcess } from '../cli-process.ts'
import type { DiffFlags } from '../commands/diff.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { diffFormat } from '../output/report-format.ts'
import { destinationCredentials, selectionOptions, sourceOptions } from './library-options.ts'

/** Compares two releases, lists, bundles or destinations. */
export async function runDiff(cli: CliProcess, flags: DiffFlags, a: string, b: string): Promise<void> {
  const { rewrite, flatten, sparse, namesOnly, exitCode = false, detailedExitcode = exitCode } = flags
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
  const format = await diffFormat(flags.output, flags.verbose === true)
  cli.show(report, (styles) => format(report, styles))
  if (flags.annotate !== undefined) cli.annotate((await import('../output/annotations.ts')).formatAnnotations(report, flags.annotate))
  const { images, error, totals } = report
  const isDifferent = totals.unchanged < totals.images
  cli.exit(exitCodeOfReport({ images, ...(error && { error }) }, undefined, detailedExitcode && isDifferent))
  await writeReport(report).catch(cli.complain)
}
