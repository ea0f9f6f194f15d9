import type { Finding, Severity } from '../../registries-yaml/lint/rule.ts'
import { safeLine } from '../../text/printable.ts'
import { formatCount } from './format-amount.ts'
import type { Styles } from './styles.ts'

/** The document of `registries lint --output json`. */
export type LintReport = ReturnType<typeof lintReport>

/** The findings of a file as a JSON document; `-` is standard input. */
export function lintReport(file: string, found: readonly Finding[]) {
  const findings = found.map(({ rule, severity, position: { line, column }, message, fix }) => {
    return { rule, severity, line, column, message, fix }
  })
  const count = (wanted: Severity): number => found.filter(({ severity }) => severity === wanted).length
  const totals = { errors: count('error'), warnings: count('warning'), infos: count('info') }
  return { schemaVersion: 1, command: 'registries lint', file, findings, totals }
}

/** Two lines for each finding: `file:line:column severity rule-id message`, and what to do, indented. Empty without findings. */
export function formatFindings({ file, findings }: LintReport, styles: Styles): string {
  const colours = { error: styles.bad, warning: styles.warning, info: styles.quiet }
  return findings
    .map(({ rule, severity, line, column, message, fix }) => {
      const place = styles.strong(`${safeLine(file)}:${line}:${column}`)
      return `${place} ${colours[severity](severity)} ${rule} ${safeLine(message)}\n    fix: ${safeLine(fix)}\n`
    })
    .join('')
}

/** The number of findings, for people: `1 error, 2 warnings`. */
export function formatLintTotals({ errors, warnings, infos }: LintReport['totals']): string {
  const named = Object.entries({ error: errors, warning: warnings, info: infos })
  const counts = named.filter(([, count]) => count > 0).map(([noun, count]) => formatCount(count, noun, noun === 'info' ? noun : undefined))
  return counts.length === 0 ? 'no problems' : counts.join(', ')
}
