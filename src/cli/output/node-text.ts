import type { NodeFinding, NodeSeverity } from '../../node/check/finding.ts'
import type { NodeReport } from '../../report/node-report.ts'
import { textLine } from './flags.ts'
import { formatCount } from './format-amount.ts'
import type { Styles } from './styles.ts'

const severities: readonly NodeSeverity[] = ['error', 'warning', 'info', 'ok']
const width = 'warning'.length

function formatFinding({ id, severity, line, column, message, fix }: NodeFinding, styles: Styles): string {
  const colours = { ok: styles.good, info: styles.quiet, warning: styles.warning, error: styles.bad }
  const place = line === undefined ? '' : `${line}:${column ?? 1} `
  const what = `  ${colours[severity](severity.padEnd(width))}  ${place}${id} ${textLine(message)}\n`
  return fix === undefined ? what : `${what}  ${' '.repeat(width)}  fix: ${textLine(fix)}\n`
}

/** `2 errors, 1 warning`. */
function formatTotals({ totals }: NodeReport): string {
  const counts = severities.filter((severity) => severity !== 'info' && severity !== 'ok' && totals[severity] > 0)
  return counts.length === 0 ? 'no problems' : counts.map((severity) => formatCount(totals[severity], severity)).join(', ')
}

/** The findings of a node for people: one line each, with what to do, grouped by file; then a summary. */
export function formatNodeReport(report: NodeReport, styles: Styles): string {
  const { findings, files, restartNeeded, product } = report
  const lines: string[] = []
  let group: string | undefined
  for (const finding of findings) {
    if (finding.path !== group) lines.push(`${styles.strong(textLine(finding.path))}\n`)
    group = finding.path
    lines.push(formatFinding(finding, styles))
  }
  const unread = files.filter(({ state }) => state === 'unreadable').length
  const name = product === 'k3s' ? 'K3s' : 'RKE2'
  const isRestartEnough = findings.every(({ severity, restart }) => severity !== 'error' || restart === true)
  const advice = isRestartEnough ? `restart ${name} to apply changes` : `correct the errors before you restart ${name}`
  const summary = [
    formatTotals(report),
    ...(unread > 0 ? [`${formatCount(unread, 'file')} could not be read`] : []),
    ...(restartNeeded ? [advice] : []),
  ]
  return `${lines.join('')}\n${summary.join('; ')}\n`
}
