import type { EngineSummary, ErrorSummary } from '../../copy/events.ts'
import type { MirrorReport } from '../../report/report.ts'
import { safeLine } from '../../text/printable.ts'
import { formatErrorLine } from './error-text.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount, formatDuration, formatRate } from './format-amount.ts'
import type { Styles } from './styles.ts'

const mostNamed = 10

/** An Engine for people: `a Docker Engine with the classic image store`, or `Podman`. */
export function formatEngine({ store }: EngineSummary): string {
  return store === 'podman' ? 'Podman' : `a Docker Engine with the ${store} image store`
}

/** An image that failed. */
export interface FailedImage {
  readonly source: string
  readonly error: ErrorSummary
}

/** Images that failed for one reason, which stands for their messages where these differ. */
interface FailureGroup {
  readonly error: ErrorSummary
  readonly images: string[]
}

/** Groups failures by code and reason, largest group first. */
export function groupFailures(failures: readonly FailedImage[]): FailureGroup[] {
  const groups = new Map<string, FailureGroup>()
  for (const { source, error } of failures) {
    const { code, message, reason = message } = error
    const { error: shared, images } = groups.get(`${code} ${reason}`) ?? { error, images: [] }
    images.push(source)
    groups.set(`${code} ${reason}`, { error: shared.message === message ? shared : { ...shared, message: reason }, images })
  }
  return [...groups.values()].toSorted((a, b) => b.images.length - a.images.length)
}

function groupLines({ error, images }: FailureGroup, styles: Styles): string[] {
  const [only] = images
  const head = images.length === 1 && only !== undefined ? `${safeLine(only)} failed` : `${images.length} images failed`
  const lines = [`${styles.bad(`${head}:`)} ${formatErrorLine(error)}`]
  if (images.length > 1) {
    lines.push(...images.slice(0, mostNamed).map((image) => `  ${safeLine(image)}`))
    if (images.length > mostNamed) lines.push(`  and ${images.length - mostNamed} more, named in the JSON report`)
  }
  if (error.hint !== undefined) lines.push(`  ${styles.strong('hint:')} ${textLine(error.hint)}`)
  return lines
}

/** What failed and why, for people: images that failed for the same reason share one line. Ends with a newline, or is empty. */
export function formatFailures(failures: readonly FailedImage[], styles: Styles): string {
  return groupFailures(failures)
    .flatMap((group) => groupLines(group, styles).map((line) => `${line}\n`))
    .join('')
}

function headline(report: MirrorReport, styles: Styles): string {
  const { totals } = report
  const parts = [`${totals.copied} copied`, `${totals.upToDate} up to date`, `${totals.failed} failed`]
  const counts = `${formatCount(totals.images, 'image')}: ${parts.join(', ')}`
  if (report.interrupted === true) return styles.warning(`interrupted; ${counts}`)
  return totals.failed > 0 ? styles.bad(counts) : styles.good(counts)
}

function newDigest({ engine, command }: MirrorReport): string {
  if (command === 'bundle load') return 'of the platform of the Docker Engine alone'
  if (command === 'bundle push') return 'whose original manifest or index the archives do not have'
  return engine === undefined
    ? 'with a new index over the chosen platforms'
    : 'of the chosen platforms alone, as the Docker Engine made them'
}

/** The closing words of `mirror`, for people. Ends with a newline. */
export function formatSummary(report: MirrorReport, styles: Styles): string {
  const { totals } = report
  const saved = report.images.reduce(
    (sums, { bytes }) => ({ mounted: sums.mounted + bytes.mounted, present: sums.present + bytes.present }),
    { mounted: 0, present: 0 },
  )
  const rate = totals.seconds > 0 && totals.bytesCopied > 0 ? ` at ${formatRate(totals.bytesCopied / totals.seconds)}` : ''
  const retried = totals.bytesRetried > 0 ? `; ${formatBytes(totals.bytesRetried)} moved again after a failure` : ''
  const changed = report.images.filter((image) => !image.digestPreserved && image.status !== 'failed').length
  const foreign = report.images.reduce((count, image) => count + (image.foreignLayersSkipped ?? 0), 0)
  const shared = report.command === 'bundle create' ? 'shared by images' : 'mounted'
  // Standard error has the reason, which is that of every image.
  if (report.error !== undefined) return `${headline(report, styles)}\n`
  const lines = [
    headline(report, styles),
    `moved ${formatBytes(totals.bytesCopied)} in ${formatDuration(totals.seconds * 1000)}${rate}${retried}`,
    `saved ${formatBytes(totals.bytesSaved)}: ${formatBytes(saved.mounted)} ${shared}, ${formatBytes(saved.present)} present already`,
    ...(report.engine === undefined ? [] : [`through ${formatEngine(report.engine)}, API ${report.engine.apiVersion}`]),
    `sent ${formatCount(totals.requests.source, 'request')} to the source, ${totals.requests.destination} to the destination`,
    ...(changed > 0 ? [`${formatCount(changed, 'image')} ${newDigest(report)}, and so with a new digest`] : []),
    ...(foreign > 0 ? [`${formatCount(foreign, 'foreign layer')} left out: nodes fetch them from their own URLs`] : []),
  ]
  const failures = report.images.flatMap(({ source, error }) => (error === undefined ? [] : [{ source, error }]))
  return `${formatFailures(failures, styles)}${lines.join('\n')}\n`
}
