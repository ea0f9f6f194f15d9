import type { LintReport } from '../../registries-yaml/lint/lint-report.ts'
import { version } from '../../version.ts'
import { formatJunit, type JunitCase } from './junit.ts'

/** The findings as JUnit XML: errors are failures, and warnings and infos are test cases that passed with a note. Ends with a newline. */
export function formatLintJunit({ command, file, findings }: LintReport): string {
  const cases = findings.map(({ rule, severity, line, column, message, fix }): JunitCase => {
    const name = `${file}:${line}:${column} ${rule}`
    return severity === 'error'
      ? { name, failure: { message, type: rule, lines: [message, `fix: ${fix}`] } }
      : { name, note: `${severity}: ${message}; fix: ${fix}` }
  })
  const all = cases.length > 0 ? cases : [{ name: file, note: 'no problems' }]
  const startedAt = new Date(performance.timeOrigin).toISOString()
  return formatJunit(`k3s-mirror ${command}`, [{ name: file, cases: all, properties: { version }, seconds: 0, startedAt }])
}
