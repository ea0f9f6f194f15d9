import { markdownTable } from 'markdown-table'
import type { VerifyReport } from '../../report/verify-report.ts'
import { formatBytes } from './format-amount.ts'
import { codeSpan, tableCell } from './markdown-text.ts'
import { describeCounts, describeEffort, describeSubject, endpointNotes, formatProblem, servedBy } from './verify-table.ts'

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`### ${title}`, '', ...lines.map((line) => `- ${codeSpan(line)}`), '']
}

/** A verification in GitHub-flavoured markdown, for the summary of a pipeline's job. Ends with a newline. */
export function formatVerifyMarkdown(report: VerifyReport): string {
  const { images, asNode, totals } = report
  const served = asNode ? ['Served by'] : []
  const rows = images.map((image) => [
    codeSpan(image.reference),
    image.status === 'ok' ? 'ok' : `**${image.status}**`,
    String(image.manifests),
    String(image.blobs),
    formatBytes(image.bytes),
    ...(asNode ? [codeSpan(servedBy(image))] : []),
    codeSpan(image.platforms.join(', ')),
  ])
  const titles = ['Image', 'Status', 'Manifests', 'Blobs', 'Size', ...served, 'Platforms']
  const align = ['l', 'l', 'r', 'r', 'r', ...served.map(() => 'l'), 'l']
  const lines = [
    `## Images: ${totals.ok} of ${totals.images} ok`,
    '',
    `Checked ${codeSpan(describeSubject(report).replace(/^at /, ''))}.`,
    '',
    markdownTable([titles, ...rows.map((row) => row.map(tableCell))], { align, alignDelimiters: false, padding: true }),
    '',
    ...section(
      'Problems',
      images.flatMap(({ problems }) => problems.map(formatProblem)),
    ),
    ...section('Warnings', [...report.warnings, ...endpointNotes(report)]),
    `${describeCounts(report)}; ${describeEffort(report)}.`,
  ]
  return `${lines.join('\n')}\n`
}
