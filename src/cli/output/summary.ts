import type { EngineSummary } from '../../copy/events.ts'
import type { ImageReport, MirrorReport, ReportTotals } from '../../report/report.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount, formatDuration, formatImageCounts, formatRate } from './format-amount.ts'
import { archiveOf, describeShared, fileWords, formatAllUnchanged, wordsFor } from './run-words.ts'
import { shardLines } from './shard-text.ts'
import type { Styles } from './styles.ts'

/** An Engine for people: `a Docker Engine with the classic image store`, or `Podman`. */
export function formatEngine({ store }: EngineSummary): string {
  return store === 'podman' ? 'Podman' : `a Docker Engine with the ${store} image store`
}

/** An image that the run did not get to, or did not finish. */
function isUnfinished({ error }: ImageReport): boolean {
  return error?.code === 'CANCELLED'
}

/** `8 images: 3 copied, 1 replaced, 4 up to date`. */
export function describeRun({ totals, command, images }: MirrorReport): string {
  const words = wordsFor(command)
  const unfinished = images.filter(isUnfinished).length
  return formatImageCounts(totals.images, [
    [totals.copied, words.done],
    [totals.replaced, 'replaced'],
    [totals.upToDate, words.unchanged],
    [totals.skipped, 'skipped'],
    [totals.failed - unfinished, 'failed'],
    [unfinished, 'not finished'],
  ])
}

function hasFailedFile(files: MirrorReport['files']): boolean {
  return files?.some(({ status }) => status === 'failed') === true
}

function headline(report: MirrorReport, styles: Styles): string {
  const text = describeRun(report)
  if (report.interrupted === true) return styles.warning(`interrupted; ${text}`)
  return report.totals.failed > 0 || hasFailedFile(report.files) ? styles.bad(text) : styles.good(text)
}

/** `transferred 1.2 GB in 30s (40 MB/s)`; undefined where nothing was. */
export function transferLine({ totals }: MirrorReport): string | undefined {
  if (totals.bytesCopied === 0) return undefined
  const rate = totals.seconds > 0 ? ` (${formatRate(totals.bytesCopied / totals.seconds)})` : ''
  const again = totals.bytesRetried > 0 ? `; ${formatBytes(totals.bytesRetried)} sent again after failures` : ''
  return `transferred ${formatBytes(totals.bytesCopied)} in ${formatDuration(totals.seconds * 1000)}${rate}${again}`
}

function reuseLine(report: MirrorReport): string | undefined {
  const sum = (kind: 'mounted' | 'present'): number => report.images.reduce((total, { bytes }) => total + bytes[kind], 0)
  const files = report.files?.filter(({ status }) => status === 'reused' || status === 'in-base') ?? []
  const present = files.reduce((total, { size }) => total + size, sum('present'))
  const made = archiveOf(report.command)
  const parts = [
    [present, made === undefined ? 'already present' : `from the base ${made} or an earlier attempt`],
    [sum('mounted'), describeShared(report)],
  ] as const
  const reused = parts.filter(([bytes]) => bytes > 0).map(([bytes, why]) => `${formatBytes(bytes)} ${why}`)
  return reused.length === 0 ? undefined : `reused ${reused.join(', ')}`
}

function requestLine({ requests: { source, destination }, bytesCopied }: ReportTotals): string | undefined {
  if (bytesCopied === 0 || source + destination === 0) return undefined
  if (source === 0) return `sent ${formatCount(destination, 'request')} to the destination`
  return `sent ${formatCount(source, 'request')} to the source${destination === 0 ? '' : `, ${destination} to the destination`}`
}

/** Why images got a new digest. */
function newDigestReason({ engine, command }: MirrorReport): string {
  if (command === 'bundle load') return 'only the platform of the Docker Engine was loaded'
  if (command === 'bundle push' || command === 'kit push') return 'the archives lack the original manifest or index'
  return engine === undefined ? 'the index lists only the chosen platforms' : 'the Docker Engine pushed only the chosen platforms'
}

function digestLine(report: MirrorReport): string | undefined {
  const changed = report.images.filter((image) => !image.digestPreserved && image.status !== 'failed').length
  const isWritten = archiveOf(report.command) === undefined || (report.totals.failed === 0 && !hasFailedFile(report.files))
  if (changed === 0 || !isWritten) return undefined
  return `${formatCount(changed, 'image has', 'images have')} a new digest: ${newDigestReason(report)}`
}

function foreignLine({ images }: MirrorReport): string | undefined {
  const foreign = images.reduce((count, image) => count + (image.foreignLayersSkipped ?? 0), 0)
  return foreign === 0 ? undefined : `skipped ${formatCount(foreign, 'foreign layer')}: nodes download these from the original URLs`
}

/** What becomes of the images that were not finished. */
function unfinishedLine({ command, images, files, interrupted, totals }: MirrorReport, styles: Styles): string | undefined {
  if (interrupted === true) {
    const hint = images.find(isUnfinished)?.error?.hint
    return hint === undefined ? undefined : `${styles.strong('hint:')} ${textLine(hint)}`
  }
  const made = archiveOf(command)
  if (made === undefined) return undefined
  if (totals.failed > 0) return `no ${made} was written: every image must be complete`
  return hasFailedFile(files) ? `no ${made} was written: every file must be complete` : undefined
}

/** `40 files: 30 added, 9 in the base kit, 1 failed`; undefined for a run without files. */
function fileLine({ files }: MirrorReport): string | undefined {
  if (files === undefined) return undefined
  const counts = fileStatuses.map((status) => [files.filter((file) => file.status === status).length, fileWords[status]] as const)
  const parts = counts.filter(([count]) => count > 0).map(([count, words]) => `${count} ${words}`)
  return `${formatCount(files.length, 'file')}: ${parts.join(', ')}`
}

const fileStatuses = ['added', 'reused', 'in-base', 'failed'] as const

/** The closing words of a run that copies images, for people. Failures are printed by the renderer. Ends with a newline. */
export function formatSummary(report: MirrorReport, styles: Styles): string {
  const { totals, engine, interrupted, command } = report
  const shard = shardLines(report.shard, totals.images)
  if (totals.images > 0 && totals.upToDate === totals.images && report.files === undefined && interrupted !== true) {
    return `${[styles.good(formatAllUnchanged(totals.images, wordsFor(command))), ...shard].join('\n')}\n`
  }
  // Standard error has the reason, which all images share.
  if (report.error !== undefined) return `${headline(report, styles)}\n`
  const lines = [
    headline(report, styles),
    ...shard,
    fileLine(report),
    unfinishedLine(report, styles),
    transferLine(report),
    reuseLine(report),
    engine && `used ${formatEngine(engine)}, API ${engine.apiVersion}`,
    requestLine(totals),
    digestLine(report),
    foreignLine(report),
  ]
  return `${lines.filter((line) => line !== undefined).join('\n')}\n`
}
