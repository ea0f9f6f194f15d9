import { markdownTable } from 'markdown-table'
import type { VerifyReport } from '../../report/verify-report.ts'
import { textLine } from './flags.ts'
import { formatBytes } from './format-amount.ts'
import { describeCounts, describeEffort, describeSubject, endpointNotes, formatProblem, servedBy } from './verify-table.ts'

/** Text unchanged in a code span: nothing in it is markup, a mention or a link. https://github.github.com/gfm/#code-spans */
function code(text: string): string {
  const safe = textLine(text)
  if (safe === '') return ''
  const longest = Math.max(0, ...[...safe.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = safe.startsWith('`') || safe.endsWith('`') ? ' ' : ''
  return `${fence}${pad}${safe}${pad}${fence}`
}

/** A pipe ends a cell even within code, unless exactly one backslash precedes it. https://github.github.com/gfm/#tables-extension- */
function cell(text: string): string {
  return text.replace(/(?<!\\)\\*\|/g, String.raw`\|`)
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`### ${title}`, '', ...lines.map((line) => `- ${code(line)}`), '']
}

/** A verification in GitHub-flavoured markdown, for the summary of a pipeline's job. Ends with a newline. */
export function formatVerifyMarkdown(report: VerifyReport): string {
  const { images, asNode, totals } = report
  const served = asNode ? ['Served by'] : []
  const rows = images.map((image) => [
    code(image.reference),
    image.status === 'ok' ? 'ok' : `**${image.status}**`,
    String(image.manifests),
    String(image.blobs),
    formatBytes(image.bytes),
    ...(asNode ? [code(servedBy(image))] : []),
    code(image.platforms.join(', ')),
  ])
  const titles = ['Image', 'Status', 'Manifests', 'Blobs', 'Size', ...served, 'Platforms']
  const align = ['l', 'l', 'r', 'r', 'r', ...served.map(() => 'l'), 'l']
  const lines = [
    `## Images: ${totals.ok} of ${totals.images} ok`,
    '',
    `Checked ${code(describeSubject(report).replace(/^at /, ''))}.`,
    '',
    markdownTable([titles, ...rows.map((row) => row.map(cell))], { align, alignDelimiters: false, padding: true }),
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
