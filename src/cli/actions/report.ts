import { MirrorError } from '../../errors.ts'
import { parseJsonObject } from '../../oci/json-object.ts'
import { mergeReports } from '../../report/merge-reports.ts'
import { parseReport } from '../../report/parse-report.ts'
import type { CliProcess } from '../cli-process.ts'
import type { MergeFlags } from '../commands/report.ts'
import { exitCodeOfReport } from '../exit-code.ts'
import { openReport, refuseSharedFiles } from '../files/output-files.ts'
import { readReport } from '../files/report-file.ts'
import type { OutputFlags } from '../options/output.ts'
import { savedReportFormat } from '../output/document-format.ts'
import { formatMerged } from '../output/merged-text.ts'

/** Merges the reports of all shards into one, with its exit code. */
export async function runReportMerge(cli: CliProcess, flags: MergeFlags, files: readonly string[]): Promise<void> {
  await refuseSharedFiles([flags.report], files)
  const writeReport = await openReport(flags.report)
  const { signal } = cli
  const reports = []
  for (const name of files) {
    const text = await readReport(name, { signal, hint: 'pass files that mirror --report has written' })
    reports.push({ name, report: parseReport(text, name) })
  }
  const merged = mergeReports(reports)
  cli.show(merged, (styles) => formatMerged(merged, styles))
  // An interrupted shard counts by the images that it did not finish.
  cli.exit(exitCodeOfReport({ images: merged.images }))
  await writeReport(merged).catch(cli.complain)
}

/** Prints the report of a finished run in another format. */
export async function runReportShow(cli: CliProcess, { output, verbose = false }: OutputFlags, file: string): Promise<void> {
  const hint = 'pass a file that --report has written'
  const report = parseJsonObject(await readReport(file, { signal: cli.signal, hint }))
  if (report?.['schemaVersion'] !== 1) throw new MirrorError('USAGE', `${file} is not a report: it has no schemaVersion 1`, { hint })
  const format = await savedReportFormat(report, file, { output, verbose })
  cli.show(report, format)
}
