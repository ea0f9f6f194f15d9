import type { ErrorSummary } from '../../copy/events.ts'
import type { MirrorReport } from '../../report/report.ts'
import { safeLine } from '../../text/printable.ts'
import { formatErrorLine } from './error-text.ts'
import { textLine } from './flags.ts'
import type { Styles } from './styles.ts'

/** Images of one group that are named. */
const mostNamed = 50

/** An image that failed. */
export interface FailedImage {
  readonly source: string
  readonly error: ErrorSummary
}

/** The images of a report that failed, and the files of a kit, by their paths. */
export function failuresOf({ images, files = [] }: Pick<MirrorReport, 'images' | 'files'>): readonly FailedImage[] {
  const named = [...images, ...files.map(({ path: source, error }) => ({ source, error }))]
  return named.flatMap(({ source, error }) => (error === undefined ? [] : [{ source, error }]))
}

/** Images that failed for one reason, which replaces their messages where these differ. */
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

/** A message that contains the image's name is not given that name twice. */
function groupTitle({ error, images }: FailureGroup, total: number): string {
  const [first = ''] = images
  if (images.length > 1) return `${images.length === total ? 'all ' : ''}${images.length} images: ${formatErrorLine(error)}`
  if (error.message.startsWith(`${first} `) || error.message.startsWith(`${first}: `)) return formatErrorLine(error)
  return `${safeLine(first)}: ${formatErrorLine({ ...error, message: error.message.replace(` ${first}: `, () => ': ') })}`
}

function groupLines(group: FailureGroup, total: number, styles: Styles, place: string | undefined): string[] {
  const { error, images } = group
  const at = place === undefined ? '' : `${safeLine(place)}: `
  const lines = [`${styles.bad('FAILED')} ${at}${groupTitle(group, total)}`]
  if (images.length > 1 && images.length < total) {
    lines.push(...images.slice(0, mostNamed).map((image) => `  ${safeLine(image)}`))
    if (images.length > mostNamed) lines.push(`  and ${images.length - mostNamed} more: --output json lists them all`)
  }
  if (error.hint !== undefined) lines.push(`  ${styles.strong('hint:')} ${textLine(error.hint)}`)
  return lines
}

/** What failed and why, one line an array entry: images that failed for the same reason share one error and one hint. `total` counts all images of the run, `place` is its destination where there are several. */
export function failureLines(failures: readonly FailedImage[], total: number, styles: Styles, place?: string): readonly string[] {
  return groupFailures(failures).flatMap((group) => groupLines(group, total, styles, place))
}
