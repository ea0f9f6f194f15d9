import type { PlannedImage, PlanReport } from '../../report/plan-report.ts'
import { safeLine } from '../../text/printable.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount, formatDuration } from './format-amount.ts'
import type { Styles } from './styles.ts'
import { formatEngine, formatFailures } from './summary.ts'

/** One column of a table; numbers are set to the right, so that their digits stand below each other. */
export interface Column<T> {
  readonly title: string
  readonly align: 'left' | 'right'
  readonly cell: (row: T) => string
  readonly isVerbose?: boolean
  /** Shown only where a Docker Engine carries the images, or where they are looked for as a node does. */
  readonly isSpecial?: boolean
}

/** Lines up plain text under its titles, two spaces apart; the last column is not filled up. */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[], { verbose = false, special = false } = {}): string[] {
  const shown = columns.filter(({ isVerbose, isSpecial }) => (isVerbose !== true || verbose) && (isSpecial !== true || special))
  const lines = [shown.map(({ title }) => title), ...rows.map((row) => shown.map(({ cell }) => safeLine(cell(row))))]
  const widths = shown.map((_, index) => lines.reduce((widest, cells) => Math.max(widest, (cells[index] ?? '').length), 0))
  const padded = (cell: string, index: number): string =>
    shown[index]?.align === 'right' ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)
  return lines.map((cells) => cells.map(padded).join('  ').trimEnd())
}

/** An image that is present was not walked, and a Docker Engine tells nothing before it pulls: nothing is known of its blobs. */
function walked(cell: (image: PlannedImage) => string): (image: PlannedImage) => string {
  return (image) => (image.state === 'present' || image.heldByEngine !== undefined ? '-' : cell(image))
}

/** What the Docker Engine has already; it need not pull that again. */
function held({ heldByEngine = [] }: PlannedImage): string {
  return heldByEngine.length === 0 ? '-' : heldByEngine.join(',')
}

const planColumns: readonly Column<PlannedImage>[] = [
  { title: 'IMAGE', align: 'left', cell: (image) => image.source },
  { title: 'STATE', align: 'left', cell: (image) => image.state },
  { title: 'BLOBS', align: 'right', cell: walked(({ blobs }) => `${blobs.missing}/${blobs.total}`) },
  { title: 'TO MOVE', align: 'right', cell: walked(({ bytes }) => formatBytes(bytes.missing)) },
  { title: 'PRESENT', align: 'right', cell: walked(({ bytes }) => formatBytes(bytes.present)) },
  { title: 'PULLS', align: 'right', cell: (image) => String(image.dockerHubPulls) },
  { title: 'IN THE ENGINE', align: 'left', cell: held, isSpecial: true },
  { title: 'DESTINATION', align: 'left', cell: (image) => image.destination, isVerbose: true },
  { title: 'PLATFORMS', align: 'left', cell: (image) => image.platforms.join(',') },
]

function rateLimitLines({ rateLimits, totals }: PlanReport, styles: Styles): string[] {
  const pulls = totals.dockerHubPulls
  return rateLimits.map(({ registry, limit, remaining, windowSeconds }) => {
    const line = `${safeLine(registry)} allows ${limit} pulls in ${formatDuration(windowSeconds * 1000)}; ${remaining} are left`
    return registry === 'docker.io' && pulls > remaining ? styles.warning(`${line}: fewer than the ${pulls} needed`) : line
  })
}

function totalLine({ totals, engine }: PlanReport): string {
  const states = [`${totals.new} new`, `${totals.changed} changed`, `${totals.present} present`]
  if (totals.failed > 0) states.push(`${totals.failed} failed`)
  const counts = `${formatCount(totals.images, 'image')}: ${states.join(', ')}`
  if (engine !== undefined) return counts
  const mounted = totals.bytesToMount > 0 ? `, ${formatBytes(totals.bytesToMount)} to mount` : ''
  return `${counts}; ${formatCount(totals.blobsToMove, 'blob')}, ${formatBytes(totals.bytesToMove)} to move${mounted}`
}

/** A plan for people: one line an image, then failures, the totals, and what Docker Hub will count. Ends with a newline. */
export function formatPlan(report: PlanReport, options: { readonly styles: Styles; readonly verbose?: boolean }): string {
  const { styles, verbose = false } = options
  // Standard error has the reason, which is that of every image.
  if (report.error !== undefined) return `${styles.strong(totalLine(report))}\n`
  const [titles = '', ...lined] = formatTable(planColumns, report.images, { verbose, special: report.engine !== undefined })
  const table = report.images.length === 0 ? [] : [styles.strong(titles), ...lined, '']
  const lines = [
    `to ${safeLine(report.destination)}${report.engine === undefined ? '' : `, through ${formatEngine(report.engine)}`}`,
    ...table,
    ...report.warnings.map((warning) => `${styles.warning('warning:')} ${textLine(warning)}`),
    ...formatFailures(report.failures, styles).trimEnd().split('\n').filter(Boolean),
    styles.strong(totalLine(report)),
    `Docker Hub pulls: ${report.totals.dockerHubPulls}`,
    ...rateLimitLines(report, styles),
  ]
  return `${lines.join('\n')}\n`
}
