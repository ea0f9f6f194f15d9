import type { LintReport, LintTotals } from '../../registries-yaml/lint/lint-report.ts'
import { safeLine } from '../../text/printable.ts'
import { formatCount } from './format-amount.ts'
import type { Styles } from './styles.ts'

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
export function formatLintTotals({ errors, warnings, infos }: LintTotals): string {
  const named = Object.entries({ error: errors, warning: warnings, info: infos })
  const counts = named.filter(([, count]) => count > 0).map(([noun, count]) => formatCount(count, noun, noun === 'info' ? noun : undefined))
  return counts.length === 0 ? 'no problems' : counts.join(', ')
}
