import type { ManyPlanReport, PlanReport } from '../../report/plan-report.ts'
import type { ManyReport, MirrorReport } from '../../report/report.ts'
import { safeLine } from '../../text/printable.ts'
import { formatCount } from './format-amount.ts'
import { formatPlan, type PlanTextOptions } from './plan-table.ts'
import type { Styles } from './styles.ts'
import { formatSummary } from './summary.ts'

function isComplete({ error, interrupted, totals }: MirrorReport): boolean {
  return error === undefined && interrupted !== true && totals.failed === 0
}

/** The summary of one destination below its name; the source's requests are those of all. */
function destinationLines(report: MirrorReport, styles: Styles): readonly string[] {
  const name = `${styles.strong(safeLine(report.destination))}:`
  if (report.images.length === 0)
    return [`${name} ${report.interrupted === true ? 'interrupted before it began' : styles.bad('not begun')}`]
  const { destination } = report.totals.requests
  const own = { ...report, totals: { ...report.totals, requests: { source: 0, destination } } }
  const [headline = '', ...details] = formatSummary(own, styles).trimEnd().split('\n')
  return [`${name} ${headline}`, ...details.map((line) => `  ${line}`)]
}

/** The closing words of a run to several destinations, for people. Ends with a newline. */
export function formatManySummary({ destinations, totals }: ManyReport, styles: Styles): string {
  const complete = destinations.filter(isComplete).length
  const all = complete === destinations.length
  const headline = all ? `all ${complete} destinations are complete` : `${complete} of ${destinations.length} destinations are complete`
  const own = destinations.reduce((sum, report) => sum + report.totals.requests.source, 0)
  const sent = totals.bytesCopied === 0 ? '' : `; sent ${formatCount(totals.requests.source - own, 'request')} to the source`
  const lines = [...destinations.flatMap((report) => destinationLines(report, styles)), (all ? styles.good : styles.bad)(headline) + sent]
  return `${lines.join('\n')}\n`
}

function planText(report: PlanReport, options: PlanTextOptions): string {
  if (report.error === undefined) return formatPlan(report, options)
  return `destination: ${safeLine(report.destination)}\n${options.styles.bad('not planned')}\n`
}

/** A plan for several destinations, for people. Ends with a newline. */
export function formatManyPlan({ destinations }: ManyPlanReport, options: PlanTextOptions): string {
  return destinations.map((report) => planText(report, options)).join('\n')
}
