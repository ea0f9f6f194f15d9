import type { Finding, Severity } from '../../registries-yaml/lint/rule.ts'
import { safeLine } from '../../text/printable.ts'
import { formatCount } from './format-amount.ts'
import type { Styles } from './styles.ts'

/** How many findings there are of each severity. */
export interface LintTotals {
  readonly errors: number
  readonly warnings: number
  readonly infos: number
}

/** The document of `registries lint --output json`. */
export interface LintReport {
  readonly schemaVersion: 1
  readonly command: 'registries lint'
  /** As it was given; `-` is standard input. */
  readonly file: string
  readonly findings: readonly {
    readonly rule: string
    readonly severity: Severity
    readonly line: number
    readonly column: number
    readonly message: string
    readonly fix: string
  }[]
  readonly totals: LintTotals
}

/** Findings as the document for programs. */
export function lintReport(file: string, findings: readonly Finding[]): LintReport {
  const count = (wanted: Severity): number => findings.filter(({ severity }) => severity === wanted).length
  return {
    schemaVersion: 1,
    command: 'registries lint',
    file,
    findings: findings.map(({ rule, severity, position: { line, column }, message, fix }) => ({
      rule,
      severity,
      line,
      column,
      message,
      fix,
    })),
    totals: { errors: count('error'), warnings: count('warning'), infos: count('info') },
  }
}

/** Two lines for each finding: `file:line:column severity rule-id message`, and what to do, indented. Empty where there is none. */
export function formatFindings({ file, findings }: LintReport, styles: Styles): string {
  const colours = { error: styles.bad, warning: styles.warning, info: styles.quiet }
  return findings
    .map(({ rule, severity, line, column, message, fix }) => {
      const place = styles.strong(`${safeLine(file)}:${line}:${column}`)
      return `${place} ${colours[severity](severity)} ${rule} ${safeLine(message)}\n    fix: ${safeLine(fix)}\n`
    })
    .join('')
}

/** How many findings there are, for people: `1 error, 2 warnings`. */
export function formatLintTotals({ errors, warnings, infos }: LintTotals): string {
  const counts = [
    ...(errors === 0 ? [] : [formatCount(errors, 'error')]),
    ...(warnings === 0 ? [] : [formatCount(warnings, 'warning')]),
    ...(infos === 0 ? [] : [formatCount(infos, 'remark')]),
  ]
  return counts.length === 0 ? 'no problems' : counts.join(', ')
}
