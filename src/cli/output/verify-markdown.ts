import type { VerifiedImage, VerifyReport } from '../../report/verify-report.ts'
import { formatBytes } from './format-amount.ts'
import { code, section, tableLines, type MarkdownColumn } from './markdown.ts'
import { describeCounts, describeEffort, describeSubject, endpointNotes, formatProblem, servedBy } from './verify-table.ts'

/** A verification in GitHub-flavoured markdown, for the summary of a pipeline's job. Ends with a newline. */
export function formatVerifyMarkdown(report: VerifyReport): string {
  const { images, asNode, totals } = report
  const served: readonly MarkdownColumn<VerifiedImage>[] = asNode ? [['Served by', (image) => code(servedBy(image))]] : []
  const isRenamed = images.some((image) => image.asked !== undefined)
  const asked: readonly MarkdownColumn<VerifiedImage>[] = isRenamed ? [['Pulled as', (image) => code(image.asked ?? image.reference)]] : []
  const columns: readonly MarkdownColumn<VerifiedImage>[] = [
    ['Image', ({ reference }) => code(reference)],
    ...asked,
    ['Status', ({ status }) => (status === 'ok' ? 'ok' : `**${status}**`)],
    ['Manifests', ({ manifests }) => String(manifests), 'r'],
    ['Blobs', ({ blobs }) => String(blobs), 'r'],
    ['Size', ({ bytes }) => formatBytes(bytes), 'r'],
    ...served,
    ['Platforms', ({ platforms }) => code(platforms.join(', '))],
  ]
  const lines = [
    `## Images: ${totals.ok} of ${totals.images} ok`,
    '',
    `Checked ${code(describeSubject(report).replace(/^at /, ''))}.`,
    '',
    tableLines(columns, images),
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
