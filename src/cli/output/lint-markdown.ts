import type { LintFinding, LintReport } from '../../registries-yaml/lint/lint-report.ts'
import { formatLintTotals } from './lint-text.ts'
import { code, tableLines, type MarkdownColumn } from './markdown.ts'

const columns: readonly MarkdownColumn<LintFinding>[] = [
  ['Line', ({ line }) => String(line), 'r'],
  ['Severity', ({ severity }) => (severity === 'error' ? `**${severity}**` : severity)],
  ['Rule', ({ rule }) => code(rule)],
  ['Problem', ({ message }) => code(message)],
  ['Fix', ({ fix }) => code(fix)],
]

/** The findings in GitHub-flavoured markdown, for the summary of a pipeline's job. Ends with a newline. */
export function formatLintMarkdown({ file, findings, totals }: LintReport): string {
  const table = findings.length === 0 ? [] : ['', tableLines(columns, findings)]
  return `${[`## ${code(file === '-' ? 'standard input' : file)}: ${formatLintTotals(totals)}`, ...table].join('\n')}\n`
}
