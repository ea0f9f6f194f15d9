import { parseReference } from '../../oci/reference.ts'
import type { VerifiedImage, VerifyReport } from '../../report/verify-report.ts'
import { safeLine } from '../../text/printable.ts'
import { imageStatuses } from '../../verify/image-verdict.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount, formatDuration, formatImageCounts } from './format-amount.ts'
import { formatTable, type Column } from './format-table.ts'
import { shardLines } from './shard-text.ts'
import type { Styles } from './styles.ts'

/** The endpoints that serve an image, in order. */
export function servedBy({ endpoints }: VerifiedImage): string {
  return endpoints
    .filter(({ status }) => status === 'serves' || status === 'serves-part')
    .map(({ url }) => url)
    .join(', ')
}

/** The endpoints that failed for images that another one serves, one line for each reason. Other failures are among the problems. */
export function endpointNotes({ images }: VerifyReport): readonly string[] {
  const groups = new Map<string, number>()
  for (const image of images.filter(({ status }) => status === 'ok')) {
    for (const { url, status, reason = '' } of image.endpoints) {
      if (status === 'failed') groups.set(`${url}: ${reason}`, (groups.get(`${url}: ${reason}`) ?? 0) + 1)
    }
  }
  return [
    ...[...groups].map(([what, count]) => `another endpoint served ${formatCount(count, 'image')} instead of ${what}`),
    ...anonymousNotes(images),
  ]
}

/** Where nodes may have credentials that no file of the check contains. */
function anonymousNotes(images: readonly VerifiedImage[]): readonly string[] {
  const anonymous = images.flatMap(({ endpoints }) =>
    endpoints.filter(({ credentials, tls, status }) => credentials === 'none' && tls?.certFile === null && status !== 'not-needed'),
  )
  const [first, ...others] = new Set(anonymous.map(({ url }) => (URL.canParse(url) ? new URL(url).host : url)))
  if (first === undefined) return []
  const places = others.length === 0 ? first : `${first} and ${formatCount(others.length, 'other registry', 'other registries')}`
  return [`asked ${places} without credentials: imagePullSecrets and kubelet's image credential providers are unknown here`]
}

/** A problem, safe to print on one line. */
export function formatProblem({ code, message }: VerifiedImage['problems'][number]): string {
  return `${textLine(message)} (${code})`
}

/** What was checked: `at registry.example.com/mirror`, or `as a node with registries.yaml`. */
export function describeSubject({ destination, registries, asNode }: VerifyReport): string {
  if (!asNode) return `at ${destination ?? 'no destination'}`
  return `as a node with ${registries ?? 'no file'}${destination === null ? '' : `, compared with ${destination}`}`
}

/** `8 images: 7 ok, 1 incomplete`. */
export function describeCounts({ totals }: VerifyReport): string {
  return formatImageCounts(
    totals.images,
    imageStatuses.toReversed().map((status) => [totals.statuses[status], status] as const),
  )
}

/** `found 31 manifests and 60 blobs (190 MB) in 1.2s with 120 requests`. */
export function describeEffort({ totals, deep }: VerifyReport): string {
  const { manifests, blobs, bytes, requests, seconds } = totals
  const what = `${formatCount(manifests, 'manifest')} and ${formatCount(blobs, 'blob')} (${formatBytes(bytes)})`
  return `${deep ? 'read and hashed' : 'found'} ${what} in ${formatDuration(seconds * 1000)} with ${formatCount(requests, 'request')}`
}

const columns: readonly Column<VerifiedImage>[] = [
  { title: 'IMAGE', align: 'left', cell: ({ reference }) => reference, isName: true },
  { title: 'STATUS', align: 'left', cell: ({ status }) => status },
  { title: 'MANIFESTS', align: 'right', cell: ({ manifests }) => String(manifests) },
  { title: 'BLOBS', align: 'right', cell: ({ blobs }) => String(blobs) },
  { title: 'SIZE', align: 'right', cell: ({ bytes }) => formatBytes(bytes) },
  { title: 'SERVED BY', align: 'left', cell: (image) => servedBy(image) || '-', isSpecial: true, isName: true },
  { title: 'DIGEST', align: 'left', cell: ({ digest }) => digest ?? '-', isVerbose: true },
  { title: 'DESTINATION', align: 'left', cell: ({ destination }) => destination ?? '-', isVerbose: true },
  { title: 'PLATFORMS', align: 'left', cell: ({ platforms }) => platforms.join(','), isOptional: true },
]

const askedColumn: Column<VerifiedImage> = { title: 'PULLED AS', align: 'left', cell: ({ asked }) => asked ?? '-', isName: true }

/** Problems of one image that are shown. */
const mostShown = 20

function tableLines({ images, asNode }: VerifyReport, styles: Styles, verbose: boolean): readonly string[] {
  if (images.length === 0) return []
  const [titles = '', ...lines] = formatTable(
    images.some(({ asked }) => asked !== undefined) ? columns.toSpliced(1, 0, askedColumn) : columns,
    images,
    { verbose, special: asNode, width: styles.width },
  )
  return [styles.strong(titles), ...lines.map((line, index) => (images[index]?.status === 'ok' ? line : styles.bad(line))), '']
}

function problemLines({ problems }: VerifiedImage, styles: Styles): readonly string[] {
  const lines = problems.slice(0, mostShown).map((problem) => `${styles.bad('problem:')} ${formatProblem(problem)}`)
  const more = problems.length - lines.length
  return more > 0 ? [...lines, `  and ${more} more of this image: --output json lists them all`] : lines
}

/** A problem without what differs from image to image: its name, its repository and its tag. */
function withoutNames({ reference, asked, problems: [problem, ...others] }: VerifiedImage): string | undefined {
  if (problem === undefined || others.length > 0) return undefined
  const name = asked ?? reference
  const { path } = parseReference(name)
  const text = formatProblem(problem).replaceAll(`/${path}`, '')
  return text.replace(`${name.replace(`/${path}`, '')}: `, '').replace(/^tag \S+ /, 'the tag ')
}

/** The problem that all images have, as one line; undefined where they differ. */
function sharedProblem({ images }: VerifyReport): string | undefined {
  const [first, ...others] = images.map(withoutNames)
  return first !== undefined && others.length > 0 && others.every((text) => text === first)
    ? `all ${images.length} images: ${first}`
    : undefined
}

function allProblems(report: VerifyReport, styles: Styles): readonly string[] {
  const shared = sharedProblem(report)
  return shared === undefined ? report.images.flatMap((image) => problemLines(image, styles)) : [`${styles.bad('problem:')} ${shared}`]
}

/** A verification for people: one line per image, one per problem, then warnings and a summary. Ends with a newline. */
export function formatVerification(report: VerifyReport, options: { readonly styles: Styles; readonly verbose?: boolean }): string {
  const { styles, verbose = false } = options
  const counts = describeCounts(report)
  const lines = [
    // Standard error has the reason, which is that of every image.
    ...(report.error === undefined ? [...tableLines(report, styles, verbose), ...allProblems(report, styles)] : []),
    ...report.warnings.map((warning) => `${styles.warning('warning:')} ${textLine(warning)}`),
    ...endpointNotes(report).map((note) => `${styles.warning('note:')} ${textLine(note)}`),
    `${report.totals.failed > 0 ? styles.bad(counts) : styles.good(counts)}, ${safeLine(describeSubject(report))}`,
    ...shardLines(report.shard, report.totals.images),
    describeEffort(report),
  ]
  return `${lines.join('\n')}\n`
}
