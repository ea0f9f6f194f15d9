import { isFailedManifest, type PrunedRepository, type PruneReport, type PrunedTag } from '../../report/prune-report.ts'
import { safeLine } from '../../text/printable.ts'
import { failureLines, type FailedImage } from './failures.ts'
import { textLine } from './flags.ts'
import { formatCount, formatDuration } from './format-amount.ts'
import { formatTable, type Column } from './format-table.ts'
import type { Styles } from './styles.ts'

/** A tag with its full name. */
interface NamedTag extends PrunedTag {
  readonly name: string
}

const columns: readonly Column<NamedTag>[] = [
  { title: 'STATUS', align: 'left', cell: ({ status }) => status.replace('-', ' ') },
  { title: 'TAG', align: 'left', cell: ({ name }) => name, isName: true },
  { title: 'DIGEST', align: 'left', cell: ({ digest }) => digest ?? '-', isVerbose: true },
  { title: 'NOTE', align: 'left', cell: ({ reason = '' }) => reason, isSpecial: true },
]

function namedTags({ repositories }: PruneReport): readonly NamedTag[] {
  return repositories.flatMap(({ repository, tags }) => tags.map((tag) => ({ ...tag, name: `${repository}:${tag.tag}` })))
}

/** What changes or stays for a reason of its own; kept tags only with `verbose`. */
function tableLines(report: PruneReport, styles: Styles, verbose: boolean): readonly string[] {
  const shown = namedTags(report).filter(
    ({ status, reason }) => status !== 'failed' && (verbose || status !== 'kept' || reason !== undefined),
  )
  if (shown.length === 0) return []
  const special = shown.some(({ reason }) => reason !== undefined)
  const [titles = '', ...lines] = formatTable(columns, shown, { verbose, special, width: styles.width })
  return [styles.strong(titles), ...lines, '']
}

/** What could not be removed or read in a repository, and why. */
export function failedRemovals({ repository, tags, remaining, error }: PrunedRepository): readonly FailedImage[] {
  return [
    ...(error === undefined ? [] : [{ source: repository, error }]),
    ...tags.flatMap((tag) => (tag.error === undefined ? [] : [{ source: `${repository}:${tag.tag}`, error: tag.error }])),
    ...remaining.filter(isFailedManifest).map(({ digest, error: why }) => ({ source: `${repository}@${digest}`, error: why })),
  ]
}

const mostNamed = 3

function missingLine({ missing, dryRun }: PruneReport): string {
  const more = missing.length > mostNamed ? `, and ${missing.length - mostNamed} more` : ''
  const names = `${missing.slice(0, mostNamed).map(safeLine).join(', ')}${more}`
  const effect = dryRun ? '; --yes refuses to remove anything without --ignore-missing' : ''
  return `the destination lacks ${formatCount(missing.length, 'kept image')}: ${names}${effect}`
}

function headline({ totals, interrupted }: PruneReport, styles: Styles): string {
  const counts = [
    [totals.removed, 'removed'],
    [totals.wouldRemove, 'would be removed'],
    [totals.kept, 'kept'],
    [totals.skipped, 'skipped'],
    [totals.tags - totals.removed - totals.wouldRemove - totals.kept - totals.skipped, 'failed'],
  ] as const
  const parts = counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`)
  const where = `${formatCount(totals.tags, 'tag')} in ${formatCount(totals.repositories, 'repository', 'repositories')}`
  const text = [`${interrupted ? 'interrupted; ' : ''}${where}`, parts.join(', ')].filter(Boolean).join(': ')
  if (interrupted) return styles.warning(text)
  return totals.failed > 0 ? styles.bad(text) : styles.good(text)
}

/** What is left to do for the space to be free. */
function spaceLine({ totals, destination, dryRun, missing }: PruneReport): string | undefined {
  const manifests = formatCount(totals.manifests, 'manifest')
  if (dryRun && totals.wouldRemove === 0) return undefined
  if (dryRun && missing.length > 0) return 'dry run, nothing was removed: mirror the kept images first'
  if (dryRun) return `dry run, nothing was removed: pass --yes to remove these tags and ${manifests}`
  if (totals.manifests === 0) return undefined
  const next = destination.startsWith('oci:')
    ? `run k3s-mirror layout gc ${safeLine(destination.slice(4))} to free the space`
    : "the registry's garbage collection frees the space"
  return `removed ${manifests} in ${formatDuration(totals.seconds * 1000)} with ${formatCount(totals.requests, 'request')}; ${next}`
}

function remainingLine({ repositories }: PruneReport): string | undefined {
  const left = repositories.flatMap(({ remaining }) => remaining.filter((one) => !isFailedManifest(one)))
  const [first] = left
  return (
    first &&
    `${formatCount(left.length, 'manifest')} without a tag could not be deleted: ${textLine(first.error.reason ?? first.error.message)}`
  )
}

/** A removal for people: one line per tag, then failures, warnings and the totals. Ends with a newline. */
export function formatPruning(report: PruneReport, options: { readonly styles: Styles; readonly verbose?: boolean | undefined }): string {
  const { styles, verbose = false } = options
  // Standard error has the reason, which all tags share.
  if (report.error !== undefined) return `${headline(report, styles)}\n`
  const warn = (text: string): string => `${styles.warning('warning:')} ${text}`
  const remaining = remainingLine(report)
  const unread = report.repositories.filter(({ error }) => error !== undefined)
  const lines = [
    ...tableLines(report, styles, verbose),
    ...report.warnings.map((warning) => warn(textLine(warning))),
    ...(report.missing.length === 0 ? [] : [warn(missingLine(report))]),
    ...(remaining === undefined ? [] : [warn(remaining)]),
    ...failureLines(report.repositories.flatMap(failedRemovals), report.totals.tags + unread.length, styles),
    headline(report, styles),
    spaceLine(report),
  ]
  return `${lines.filter((line) => line !== undefined).join('\n')}\n`
}
