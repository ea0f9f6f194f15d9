import type { FailureReport } from '../../report/report-head.ts'
import { formatJunit } from './junit.ts'
import { beginningOf, secondsOf } from './run-junit.ts'
import { errorLines, originLine } from './run-markdown.ts'

/** The command that failed, as it was typed. */
function nameOf({ command }: FailureReport): string {
  return command === null ? 'k3s-mirror' : `k3s-mirror ${command}`
}

/** A command that could not begin as JUnit XML: one test case, which fails. Ends with a newline. */
export function formatFailureJunit(report: FailureReport): string {
  const { tool, startedAt, error } = report
  const properties = { version: tool.version }
  const suite = { name: nameOf(report), cases: beginningOf(error, 0), properties, seconds: secondsOf(report), startedAt }
  return formatJunit(nameOf(report), [suite])
}

/** A command that could not begin in GitHub-flavoured markdown. Ends with a newline. */
export function formatFailureMarkdown(report: FailureReport): string {
  return `${[`## ${nameOf(report)}`, '', '**could not begin**', '', ...errorLines(report.error), originLine({ ...report, lists: [] })].join('\n')}\n`
}
