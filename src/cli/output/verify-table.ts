import type { VerifiedImage, VerifyReport } from '../../report/verify-report.ts'
import { safeLine } from '../../text/printable.ts'
import { textLine } from './flags.ts'
import { formatBytes } from './format-amount.ts'
import { formatTable, type Column } from './plan-table.ts'
import type { Styles } from './styles.ts'
import { describeCounts, describeEffort, describeSubject, endpointNotes, formatProblem, servedBy } from './verify-lines.ts'

const columns: readonly Column<VerifiedImage>[] = [
  { title: 'IMAGE', align: 'left', cell: ({ reference }) => reference },
  { title: 'STATUS', align: 'left', cell: ({ status }) => status },
  { title: 'MANIFESTS', align: 'right', cell: ({ manifests }) => String(manifests) },
  { title: 'BLOBS', align: 'right', cell: ({ blobs }) => String(blobs) },
  { title: 'SIZE', align: 'right', cell: ({ bytes }) => formatBytes(bytes) },
  { title: 'SERVED BY', align: 'left', cell: (image) => servedBy(image) || '-', isSpecial: true },
  { title: 'DIGEST', align: 'left', cell: ({ digest }) => digest ?? '-', isVerbose: true },
  { title: 'DESTINATION', align: 'left', cell: ({ destination }) => destination ?? '-', isVerbose: true },
  { title: 'PLATFORMS', align: 'left', cell: ({ platforms }) => platforms.join(',') },
]

/** Problems of one image that are shown. */
const mostShown = 20

function tableLines({ images, asNode }: VerifyReport, styles: Styles, verbose: boolean): readonly string[] {
  if (images.length === 0) return []
  const [titles = '', ...lines] = formatTable(columns, images, { verbose, special: asNode })
  return [styles.strong(titles), ...lines.map((line, index) => (images[index]?.status === 'ok' ? line : styles.bad(line))), '']
}

function problemLines({ problems }: VerifiedImage, styles: Styles): readonly string[] {
  const lines = problems.slice(0, mostShown).map((problem) => `${styles.bad('problem:')} ${formatProblem(problem)}`)
  const more = problems.length - lines.length
  return more > 0 ? [...lines, `  and ${more} more of this image, in the JSON report`] : lines
}

/**
 * A verification for people: a line an image, then a line for each problem with where and why, then warnings, and a summary. Ends with
 * a newline.
 */
export function formatVerification(report: VerifyReport, options: { readonly styles: Styles; readonly verbose?: boolean }): string {
  const { styles, verbose = false } = options
  const counts = describeCounts(report)
  const lines = [
    ...tableLines(report, styles, verbose),
    ...report.images.flatMap((image) => problemLines(image, styles)),
    ...report.warnings.map((warning) => `${styles.warning('warning:')} ${textLine(warning)}`),
    ...endpointNotes(report).map((note) => `${styles.warning('note:')} ${textLine(note)}`),
    `${report.totals.failed > 0 ? styles.bad(counts) : styles.good(counts)}, ${safeLine(describeSubject(report))}`,
    describeEffort(report),
  ]
  return `${lines.join('\n')}\n`
}
