import { formatRepository, parseReference } from '../../oci/reference.ts'
import type { DiffedImage, DiffedSide, DiffReport } from '../../report/diff-report.ts'
import { safeLine } from '../../text/printable.ts'
import { failureLines, type FailedImage } from './failures.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount, formatDuration, formatImageCounts } from './format-amount.ts'
import { formatTable, type Column } from './format-table.ts'
import type { Styles } from './styles.ts'

/** Hexadecimal digits of a digest that are enough to recognise it. */
const shortDigits = 12

/** The first digits of a digest, as in `0123456789ab`. */
function shortDigest(digest: string): string {
  return digest.replace(/^.*:/, '').slice(0, shortDigits)
}

/** The name of a row: with its tag where both sides have the same. */
export function diffedName({ state, a, b }: DiffedImage): string {
  const { registry, path, tag } = parseReference((b ?? a)?.reference ?? '')
  const hasTag = tag !== undefined && state !== 'added' && state !== 'removed' && state !== 'retagged'
  return `${registry}/${path}${hasTag ? `:${tag}` : ''}`
}

/** The repository that a renamed image has on the side of A, with the tag where that is another one. */
function formerName({ a, b }: DiffedImage): string {
  const [before, after] = [parseReference(a?.reference ?? ''), parseReference(b?.reference ?? '')]
  return `${formatRepository(before)}${before.tag === undefined || before.tag === after.tag ? '' : `:${before.tag}`}`
}

/** What a renamed image has in common on both sides. */
function describeSameness({ a, b }: DiffedImage): string {
  return a?.digest === undefined || b?.digest === undefined ? 'same name' : 'same bytes'
}

/** What one side has in a row: the tag, the other name of a renamed image, or the digest where both sides have the same tag. */
export function diffedVersion(image: DiffedImage, side: 'a' | 'b'): string {
  const named = image[side]
  if (named === null) return '-'
  if (image.state === 'renamed') return side === 'a' ? formerName(image) : describeSameness(image)
  const { tag, digest = named.digest } = parseReference(named.reference)
  const isTag = image.state === 'added' || image.state === 'removed' || image.state === 'retagged'
  if (isTag && tag !== undefined) return tag
  const shown = named.digest ?? digest
  return shown === undefined ? (tag ?? '') : shortDigest(shown)
}

/** `stable (release v1.37.1+k3s1, 8 images)`. */
export function describeDiffedSide({ given, kind, images, lists }: DiffedSide): string {
  const releases = [...new Set(lists.flatMap(({ release }) => release ?? []))].filter((release) => release !== given)
  const what = releases.length === 0 ? kind : kind === 'release' ? `release ${releases.join(', ')}` : `${kind} of ${releases.join(', ')}`
  return `${given} (${what}, ${formatCount(images, 'image')})`
}

/** `8 images: 1 added, 2 retagged, 5 unchanged`. */
export function describeDiffCounts({ totals, images }: DiffReport): string {
  const { added, removed, renamed, retagged, changed, unchanged } = totals
  return formatImageCounts(totals.images, [
    [added, 'added'],
    [removed, 'removed'],
    [renamed, 'renamed'],
    [retagged, 'retagged'],
    [changed, 'changed'],
    [unchanged, 'unchanged'],
    [images.filter(({ state }) => state === 'unknown').length, 'not compared'],
  ])
}

/** What a mirror copies, and the pulls that Docker Hub counts, as separate sentences; empty where only names were compared. */
export function describeDiffCost({ totals }: DiffReport): readonly string[] {
  const { blobs, bytes, sharedBytes, dockerHubPulls, dockerHubPullsUsed } = totals
  if (blobs === null || bytes === null || totals.unchanged === totals.images) return []
  const shared = sharedBytes === null || sharedBytes === 0 ? '' : `; shared with A: ${formatBytes(sharedBytes)}`
  const atLeast = totals.failed > 0 ? 'at least ' : ''
  const used = dockerHubPullsUsed > 0 ? `; this comparison used ${dockerHubPullsUsed}` : ''
  return [
    `to copy: ${atLeast}${formatCount(blobs, 'blob')}, ${formatBytes(bytes)}${shared}`,
    ...(dockerHubPulls === null || dockerHubPulls + dockerHubPullsUsed === 0
      ? []
      : [`Docker Hub counts ${formatCount(dockerHubPulls, 'pull')} for the mirror${used}`]),
  ]
}

/** The images that could not be compared, and why. */
export function failedComparisons({ images }: DiffReport): readonly FailedImage[] {
  return images.flatMap(({ a, b, error }) => (error === undefined ? [] : [{ source: (b ?? a)?.reference ?? '', error }]))
}

function columnsOf({ images }: DiffReport): readonly Column<DiffedImage>[] {
  const hasBytes = images.some(({ bytes }) => bytes !== undefined)
  const columns: readonly (Column<DiffedImage> | undefined)[] = [
    { title: 'CHANGE', align: 'left', cell: ({ state }) => state },
    { title: 'IMAGE', align: 'left', cell: diffedName, isName: true },
    { title: 'A', align: 'left', cell: (image) => diffedVersion(image, 'a') },
    { title: 'B', align: 'left', cell: (image) => diffedVersion(image, 'b') },
    hasBytes
      ? { title: 'TO COPY', align: 'right', cell: ({ bytes }) => (bytes === undefined ? '-' : formatBytes(bytes.copied)) }
      : undefined,
    hasBytes
      ? { title: 'SIZE', align: 'right', cell: ({ bytes }) => (bytes === undefined ? '-' : formatBytes(bytes.total)), isOptional: true }
      : undefined,
    { title: 'PLATFORMS', align: 'left', cell: ({ b }) => b?.platforms?.join(',') ?? '-', isVerbose: true },
  ]
  return columns.filter((column) => column !== undefined)
}

function rateLimitLines({ rateLimits }: DiffReport): readonly string[] {
  return rateLimits.map(({ registry, limit, remaining, windowSeconds }) => {
    return `${safeLine(registry)} allows ${limit} pulls in ${formatDuration(windowSeconds * 1000)}, ${remaining} left`
  })
}

/** A comparison for people: one line per image that differs, with `verbose` one per image, then failures and totals. Ends with a newline. */
export function formatDiff(
  report: DiffReport,
  { styles, verbose = false }: { readonly styles: Styles; readonly verbose?: boolean },
): string {
  const { totals, images } = report
  // Standard error has the reason, which all images share.
  if (report.error !== undefined) return `${styles.strong(describeDiffCounts(report))}\n`
  const rows = verbose ? images : images.filter(({ state }) => state !== 'unchanged')
  const [titles = '', ...lined] = formatTable(columnsOf(report), rows, { verbose, width: styles.width })
  const isSame = totals.unchanged === totals.images
  const lines = [
    `A: ${safeLine(describeDiffedSide(report.a))}`,
    `B: ${safeLine(describeDiffedSide(report.b))}`,
    ...(rows.length === 0 ? [] : [styles.strong(titles), ...lined, '']),
    ...report.warnings.map((warning) => `${styles.warning('warning:')} ${textLine(warning)}`),
    ...failureLines(failedComparisons(report), totals.images, styles),
    styles.strong(isSame ? `no differences: ${formatCount(totals.images, 'image')}` : describeDiffCounts(report)),
    ...describeDiffCost(report),
    ...rateLimitLines(report),
  ]
  return `${lines.join('\n')}\n`
}
