import type { DiffedImage, DiffReport } from '../../report/diff-report.ts'
import { describeDiffCost, describeDiffCounts, describeDiffedSide, diffedName, diffedVersion, failedComparisons } from './diff-table.ts'
import { formatBytes, formatCount } from './format-amount.ts'
import { code, section, tableLines, type MarkdownColumn } from './markdown.ts'
import { errorLines, failureSection } from './run-markdown.ts'

/** A section that is closed at first: https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/organizing-information-with-collapsed-sections */
function collapsed(summary: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['<details>', `<summary>${summary}</summary>`, '', ...lines, '', '</details>', '']
}

function changeTable(images: readonly DiffedImage[]): readonly string[] {
  if (images.length === 0) return []
  const version = (image: DiffedImage, side: 'a' | 'b'): string => {
    const text = diffedVersion(image, side)
    return text === '-' || (image.state === 'renamed' && side === 'b') ? text : code(text)
  }
  const columns: readonly MarkdownColumn<DiffedImage>[] = [
    ['Change', ({ state }) => (state === 'unknown' ? '**unknown**' : state)],
    ['Image', (image) => code(diffedName(image))],
    ['A', (image) => version(image, 'a')],
    ['B', (image) => version(image, 'b')],
  ]
  const copied: MarkdownColumn<DiffedImage> = ['To copy', ({ bytes }) => (bytes === undefined ? '-' : formatBytes(bytes.copied)), 'r']
  const hasBytes = images.some(({ bytes }) => bytes !== undefined)
  return [tableLines(hasBytes ? [...columns, copied] : columns, images), '']
}

/** Digests and platforms of the images that are written. */
function detailTable(images: readonly DiffedImage[]): readonly string[] {
  const read = images.filter(({ b }) => b?.platforms !== undefined)
  if (read.length === 0) return []
  const columns: readonly MarkdownColumn<DiffedImage>[] = [
    ['Image', ({ b }) => code(b?.reference ?? '')],
    ['Digest', ({ b }) => code(b?.digest ?? '')],
    ['Size', ({ bytes }) => (bytes === undefined ? '-' : formatBytes(bytes.total)), 'r'],
    ['Platforms', ({ b }) => code(b?.platforms?.join(', ') ?? '')],
  ]
  return [tableLines(columns, read)]
}

/** A comparison in GitHub-flavoured markdown, for a merge request. Ends with a newline. */
export function formatDiffMarkdown(report: DiffReport): string {
  const { images, totals, warnings } = report
  const different = images.filter(({ state }) => state !== 'unchanged')
  const unchanged = images.filter(({ state }) => state === 'unchanged').map((image) => `- ${code(diffedName(image))}`)
  const cost = describeDiffCost(report)
  const lines = [
    `## Images: ${different.length === 0 ? 'no differences' : describeDiffCounts(report).replace(/^\d+ images?: /, '')}`,
    '',
    `${code(describeDiffedSide(report.a))} → ${code(describeDiffedSide(report.b))}`,
    '',
    ...changeTable(different),
    ...(cost.length === 0 ? [] : [`${cost.map((line) => line.replace(/^t/, 'T')).join('. ')}.`, '']),
    ...(report.error === undefined ? failureSection(failedComparisons(report)) : errorLines(report.error)),
    ...section('Warnings', warnings),
    ...collapsed('Digests and platforms', detailTable(different)),
    ...collapsed(formatCount(totals.unchanged, 'unchanged image'), unchanged),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}
