import { textLine } from './flags.ts'

/** Text unchanged in a code span: nothing in it is markup, a mention or a link. https://github.github.com/gfm/#code-spans */
export function codeSpan(text: string): string {
  const safe = textLine(text)
  if (safe === '') return ''
  const longest = Math.max(0, ...[...safe.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = safe.startsWith('`') || safe.endsWith('`') ? ' ' : ''
  return `${fence}${pad}${safe}${pad}${fence}`
}

/** A pipe ends a cell even within code, unless exactly one backslash precedes it. https://github.github.com/gfm/#tables-extension- */
export function tableCell(text: string): string {
  return text.replace(/(?<!\\)\\*\|/g, String.raw`\|`)
}
