import type { PlannedImage, PlanReport } from '../../report/plan-report.ts'
import { safeLine } from '../../text/printable.ts'
import { failureLines } from './failures.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount, formatDuration, formatImageCounts } from './format-amount.ts'
import { formatTable, type Column } from './format-table.ts'
import { describeShared, formatAllUnchanged, wordsFor } from './run-words.ts'
import { shardLines } from './shard-text.ts'
import type { Styles } from './styles.ts'
import { formatEngine } from './summary.ts'

/** The contents of an image that is present or skipped were not read. */
function ifRead(cell: (image: PlannedImage) => string): (image: PlannedImage) => string {
  return (image) => (image.state === 'present' || image.state === 'skipped' ? '-' : cell(image))
}

/** The platforms that the Docker Engine need not pull again. */
function held({ heldByEngine = [] }: PlannedImage): string {
  return heldByEngine.length === 0 ? '-' : heldByEngine.join(',')
}

/** What named an image where that was not an image list, by the names of such lists. */
function origins({ lists }: PlanReport): ReadonlyMap<string, string> {
  return new Map(lists.flatMap(({ name, kind }) => (kind === undefined ? [] : [[name, kind === 'manifest' ? 'manifest' : 'upgrade']])))
}

/** The columns of a plan; without those that are empty for every image. */
function planColumns(report: PlanReport): readonly Column<PlannedImage>[] {
  const { images, totals, engine } = report
  const origin = origins(report)
  const originOf = ({ namedBy = [] }: PlannedImage): string =>
    [...new Set(namedBy.map((name) => origin.get(name) ?? 'list'))].join(',') || 'argument'
  const isCopying = engine === undefined && totals.new + totals.changed > 0
  const hasPresent = images.some(({ bytes }) => bytes.present > 0)
  const hasPlatforms = images.some(({ platforms }) => platforms.length > 0)
  const columns: readonly (Column<PlannedImage> | undefined)[] = [
    { title: 'IMAGE', align: 'left', cell: (image) => image.source, isName: true },
    origin.size > 0 ? { title: 'FROM', align: 'left', cell: originOf } : undefined,
    { title: 'STATE', align: 'left', cell: (image) => image.state },
    isCopying ? { title: 'BLOBS TO COPY', align: 'right', cell: ifRead(({ blobs }) => `${blobs.missing} of ${blobs.total}`) } : undefined,
    isCopying ? { title: 'TO COPY', align: 'right', cell: ifRead(({ bytes }) => formatBytes(bytes.missing)) } : undefined,
    hasPresent ? { title: 'PRESENT', align: 'right', cell: ifRead(({ bytes }) => formatBytes(bytes.present)) } : undefined,
    totals.dockerHubPulls > 0 ? { title: 'HUB PULLS', align: 'right', cell: (image) => String(image.dockerHubPulls) } : undefined,
    { title: 'IN THE ENGINE', align: 'left', cell: held, isSpecial: true },
    { title: 'DESTINATION', align: 'left', cell: (image) => image.destination, isVerbose: true },
    hasPlatforms ? { title: 'PLATFORMS', align: 'left', cell: (image) => image.platforms.join(','), isOptional: true } : undefined,
  ]
  return columns.filter((column) => column !== undefined)
}

function rateLimitLines({ rateLimits, totals }: PlanReport, styles: Styles): string[] {
  const pulls = totals.dockerHubPulls
  return rateLimits.map(({ registry, limit, remaining, windowSeconds }) => {
    const line = `${safeLine(registry)} allows ${limit} pulls in ${formatDuration(windowSeconds * 1000)}, ${remaining} left`
    return registry === 'docker.io' && pulls > remaining ? styles.warning(`${line}: fewer than the ${pulls} needed`) : line
  })
}

/** `8 images: 3 new, 5 present`, and what there is to copy. */
export function totalLine({ totals, engine, destination }: PlanReport): string {
  if (totals.images > 0 && totals.present === totals.images) return formatAllUnchanged(totals.images, wordsFor('mirror'))
  const text = formatImageCounts(totals.images, [
    [totals.new, 'new'],
    [totals.changed, 'changed'],
    [totals.present, 'present'],
    [totals.skipped, 'skipped'],
    [totals.failed, 'failed'],
  ])
  if (engine !== undefined || totals.new + totals.changed === 0) return text
  const shared = describeShared({ command: 'mirror', destination })
  const reused = totals.bytesToMount > 0 ? `; to reuse: ${formatBytes(totals.bytesToMount)} ${shared}` : ''
  return `${text}\nto copy: ${formatCount(totals.blobsToMove, 'blob')}, ${formatBytes(totals.bytesToMove)}${reused}`
}

/** How a plan is printed. */
export interface PlanTextOptions {
  readonly styles: Styles
  /** With the columns that most readers do without. */
  readonly verbose?: boolean
}

/** A plan for people: one line per image, then failures, the totals, and the pulls that Docker Hub counts. Ends with a newline. */
export function formatPlan(report: PlanReport, options: PlanTextOptions): string {
  const { styles, verbose = false } = options
  // Standard error has the reason, which all images share.
  if (report.error !== undefined) return `${styles.strong(totalLine(report))}\n`
  const { images, engine, totals } = report
  const shape = { verbose, special: engine !== undefined, width: styles.width }
  const [titles = '', ...lined] = formatTable(planColumns(report), images, shape)
  const table = images.length === 0 ? [] : [styles.strong(titles), ...lined, '']
  const failures = failureLines(report.failures, totals.images, styles)
  const lines = [
    `destination: ${safeLine(report.destination)}${engine === undefined ? '' : `, via ${formatEngine(engine)}`}`,
    ...table,
    ...report.warnings.map((warning) => `${styles.warning('warning:')} ${textLine(warning)}`),
    ...failures,
    styles.strong(totalLine(report)),
    ...shardLines(report.shard, totals.images),
    ...(totals.dockerHubPulls > 0 ? [`Docker Hub counts ${formatCount(totals.dockerHubPulls, 'pull')}`] : []),
    ...rateLimitLines(report, styles),
  ]
  return `${lines.join('\n')}\n`
}
