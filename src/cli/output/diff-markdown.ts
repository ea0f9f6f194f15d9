import { markdownTable } from 'markdown-table'
import type { DiffedImage, DiffReport } from '../../report/diff-report.ts'
import { describeDiffCost, describeDiffCounts, describeDiffedSide, diffedName, diffedVersion } from './diff-table.ts'
import { formatErrorLine } from './error-text.ts'
import { formatBytes, formatCount } from './format-amount.ts'
import { codeSpan, tableCell } from './markdown-text.ts'

type Align = 'l' | 'r'

function table(titles: readonly string[], rows: readonly (readonly string[])[], align: readonly Align[]): string {
  return markdownTable([[...titles], ...rows.map((row) => row.map(tableCell))], {
    align: [...align],
    alignDelimiters: false,
    padding: true,
  })
}

/** A section that is closed at first: https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/organizing-information-with-collapsed-sections */
function collapsed(summary: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['<details>', `<summary>${summary}</summary>`, '', ...lines, '', '</details>', '']
}

function changeTable(images: readonly DiffedImage[]): readonly string[] {
  if (images.length === 0) return []
  const hasBytes = images.some(({ bytes }) => bytes !== undefined)
  const code = (text: string): string => (text === '-' ? text : codeSpan(text))
  const rows = images.map((image) => [
    image.state === 'unknown' ? '**unknown**' : image.state,
    codeSpan(diffedName(image)),
    code(diffedVersion(image, 'a')),
    code(diffedVersion(image, 'b')),
    ...(hasBytes ? [image.bytes === undefined ? '-' : formatBytes(image.bytes.copied)] : []),
  ])
  const titles = ['Change', 'Image', 'A', 'B', ...(hasBytes ? ['To copy'] : [])]
  return [table(titles, rows, ['l', 'l', 'l', 'l', 'r']), '']
}

/** Digests and platforms of the images that are written. */
function detailTable(images: readonly DiffedImage[]): readonly string[] {
  const read = images.filter(({ b }) => b?.platforms !== undefined)
  if (read.length === 0) return []
  const rows = read.map(({ b, bytes }) => [
    codeSpan(b?.reference ?? ''),
    codeSpan(b?.digest ?? ''),
    bytes === undefined ? '-' : formatBytes(bytes.total),
    codeSpan(b?.platforms?.join(', ') ?? ''),
  ])
  return [table(['Image', 'Digest', 'Size', 'Platforms'], rows, ['l', 'l', 'r', 'l'])]
}

/** A comparison in GitHub-flavoured markdown, for a merge request. Ends with a newline. */
export function formatDiffMarkdown(report: DiffReport): string {
  const { images, totals, warnings } = report
  const different = images.filter(({ state }) => state !== 'unchanged')
  const unchanged = images.filter(({ state }) => state === 'unchanged').map((image) => `- ${codeSpan(diffedName(image))}`)
  const failures = images.flatMap(({ a, b, error }) =>
    error === undefined ? [] : [`- ${codeSpan((b ?? a)?.reference ?? '')}: ${codeSpan(formatErrorLine(error))}`],
  )
  const cost = describeDiffCost(report)
  const lines = [
    `### Images: ${different.length === 0 ? 'no differences' : describeDiffCounts(report).replace(/^\d+ images?: /, '')}`,
    '',
    `${codeSpan(describeDiffedSide(report.a))} → ${codeSpan(describeDiffedSide(report.b))}`,
    '',
    ...changeTable(different),
    ...(cost.length === 0 ? [] : [`${cost.map((line) => line.replace(/^t/, 'T')).join('. ')}.`, '']),
    ...(failures.length === 0 ? [] : ['#### Failures', '', ...failures, '']),
    ...(warnings.length === 0 ? [] : ['#### Warnings', '', ...warnings.map((warning) => `- ${codeSpan(warning)}`), '']),
    ...collapsed('Digests and platforms', detailTable(different)),
    ...collapsed(formatCount(totals.unchanged, 'unchanged image'), unchanged),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}
