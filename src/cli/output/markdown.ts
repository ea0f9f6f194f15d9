import { markdownTable } from 'markdown-table'
import { textLine } from './flags.ts'

/** Text unchanged in a code span: nothing in it is markup, a mention or a link. https://github.github.com/gfm/#code-spans */
export function code(text: string): string {
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

/** A column: its title, the markdown of a row's cell, and `r` for numbers. */
export type MarkdownColumn<Row> = readonly [title: string, cell: (row: Row) => string, align?: 'l' | 'r']

/** Rows as a table. */
export function tableLines<Row>(columns: readonly MarkdownColumn<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map(([, format]) => cell(format(row))))
  const align = columns.map(([, , side = 'l']) => side)
  return markdownTable([columns.map(([title]) => title), ...cells], { align, alignDelimiters: false, padding: true })
}

/** A section with these lines as a list, each as it is; nothing without lines. */
export function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`### ${title}`, '', ...lines.map((line) => `- ${code(line)}`), '']
}
