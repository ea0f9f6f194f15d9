import type { ErrorSummary } from '../../copy/events.ts'
import type { ReportTool } from '../../report/report-head.ts'
import type { FileReport, ImageReport, ListReport, ManyReport, MirrorReport } from '../../report/report.ts'
import { formatErrorLine } from './error-text.ts'
import { failuresOf, groupFailures, type FailedImage } from './failures.ts'
import { formatBytes, formatCount } from './format-amount.ts'
import { code, section, tableLines, type MarkdownColumn } from './markdown.ts'
import { describeRun, transferLine } from './summary.ts'

/** An error and its hint as a paragraph. */
export function errorLines(error: ErrorSummary | undefined): readonly string[] {
  if (error === undefined) return []
  return [`**Error:** ${code(formatErrorLine(error))}`, ...(error.hint === undefined ? [] : ['', `Hint: ${code(error.hint)}`]), '']
}

/** Failures as a list: each reason once, with its hint and its images. */
export function failureSection(failures: readonly FailedImage[]): readonly string[] {
  if (failures.length === 0) return []
  const items = groupFailures(failures).flatMap(({ error, images }) => [
    `- ${code(formatErrorLine(error))}${error.hint === undefined ? '' : `  \n  Hint: ${code(error.hint)}`}`,
    ...images.map((image) => `  - ${code(image)}`),
  ])
  return ['### Failures', '', ...items, '']
}

/** A tag that names other content at the destination. */
export interface MovedTag {
  readonly destination: string
  readonly previousDigest?: string
  readonly digest?: string
}

/** Tags with two digests: before and after a replacement, or at both ends; nothing without tags. */
export function movedSection(title: string, tags: readonly MovedTag[], isReplaced = false): readonly string[] {
  const columns: readonly MarkdownColumn<MovedTag>[] = [
    ['Tag', ({ destination }) => code(destination)],
    [isReplaced ? 'Was' : 'At the destination', ({ previousDigest = '' }) => code(previousDigest)],
    [isReplaced ? 'Is' : 'At the source', ({ digest = '' }) => code(digest)],
  ]
  return tags.length === 0 ? [] : [`### ${title}: ${formatCount(tags.length, 'tag')}`, '', tableLines(columns, tags), '']
}

/** The lists, the program and the time, as the last line of a report. */
export function originLine({ lists, tool, startedAt }: { lists: readonly ListReport[]; tool: ReportTool; startedAt: string }): string {
  const names = lists.map(({ name, release }) => code(release ?? name))
  return `${names.length === 0 ? '' : `${names.join(', ')}; `}${tool.name} ${tool.version}, ${startedAt}`
}

const fileColumns: readonly MarkdownColumn<FileReport>[] = [
  ['File', ({ path }) => code(path)],
  ['Status', ({ status }) => (status === 'failed' ? `**${status}**` : status)],
  ['Size', ({ size }) => formatBytes(size), 'r'],
]

/** A run to one destination as the lines of a section. */
export function runLines(report: MirrorReport, title: string = `k3s-mirror ${report.command}`): readonly string[] {
  const { destination, images, files = [], error, interrupted, warnings } = report
  const columns: readonly MarkdownColumn<ImageReport>[] = [
    ['Image', ({ source }) => code(source)],
    ['Status', ({ status }) => (status === 'failed' || status === 'replaced' ? `**${status}**` : status)],
    ['Transferred', ({ bytes }) => formatBytes(bytes.copied), 'r'],
    ['Platforms', ({ platforms }) => code(platforms.join(', '))],
  ]
  const failures = error === undefined ? failuresOf(report) : []
  const transferred = transferLine(report)
  return [
    `## ${title}`,
    '',
    `**${interrupted === true ? 'interrupted; ' : ''}${describeRun(report)}**`,
    '',
    `Destination: ${code(destination)}`,
    '',
    ...errorLines(error),
    ...movedSection(
      'Replaced',
      images.filter(({ status }) => status === 'replaced'),
      true,
    ),
    ...movedSection(
      'Skipped',
      images.filter(({ status }) => status === 'skipped'),
    ),
    ...failureSection(failures),
    ...(images.length === 0 ? [] : [tableLines(columns, images), '']),
    ...(files.length === 0 ? [] : [tableLines(fileColumns, files), '']),
    ...section('Warnings', warnings),
    ...(transferred === undefined ? [] : [transferred, '']),
    originLine(report),
  ]
}

/** A run that copies images in GitHub-flavoured markdown, for the summary of a job or a comment. Ends with a newline. */
export function formatRunMarkdown(report: MirrorReport | ManyReport): string {
  const reports = 'destinations' in report ? report.destinations : [report]
  return `${reports.map((one) => runLines(one).join('\n')).join('\n\n')}\n`
}
