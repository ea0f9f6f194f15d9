import type { ErrorSummary } from '../../copy/events.ts'
import type { PlanReport } from '../../report/plan-report.ts'
import type { ListReport, MirrorReport } from '../../report/report.ts'
import { safeLine } from '../../text/printable.ts'
import type { CheckedDestination, SyncCheckReport, SyncedEntry, SyncReport } from '../sync/sync-report.ts'
import { formatErrorLine } from './error-text.ts'
import { failureLines } from './failures.ts'
import { textLine } from './flags.ts'
import { formatBytes, formatCount, formatDuration, formatImageCounts } from './format-amount.ts'
import type { Styles } from './styles.ts'

/** Images of one destination that are named. */
const mostNamed = 50

function heading(name: string, destination: string, styles: Styles): string {
  return `${styles.strong(safeLine(name))} -> ${safeLine(destination)}`
}

/** `stable is v1.37.1+k3s1` for each channel. */
function channels(lists: readonly Pick<ListReport, 'channel' | 'release'>[]): readonly string[] {
  return lists.flatMap(({ channel, release }) => (channel === undefined || release === undefined ? [] : `${channel} is ${release}`))
}

function inBrackets(facts: readonly string[]): string {
  return facts.length === 0 ? '' : ` (${facts.map(safeLine).join(', ')})`
}

function errorLines(error: ErrorSummary, styles: Styles): readonly string[] {
  const hint = error.hint === undefined ? [] : [`  ${styles.strong('hint:')} ${textLine(error.hint)}`]
  return [`  ${styles.bad('FAILED')} ${formatErrorLine(error)}`, ...hint]
}

function destinationLines(name: string, report: MirrorReport, styles: Styles): readonly string[] {
  const { totals, destination, error, interrupted, lists } = report
  const counts = formatImageCounts(totals.images, [
    [totals.copied, 'copied'],
    [totals.replaced, 'replaced'],
    [totals.upToDate, 'up to date'],
    [totals.skipped, 'skipped'],
    [totals.failed, 'failed'],
  ])
  const moved = totals.bytesCopied === 0 ? '' : `, ${formatBytes(totals.bytesCopied)} in ${formatDuration(totals.seconds * 1000)}`
  const style = totals.failed > 0 ? styles.bad : styles.good
  const line = `${heading(name, destination, styles)}${inBrackets(channels(lists))}: `
  if (error !== undefined && totals.images === 0) return [`${line}${styles.bad('not started')}`, ...errorLines(error, styles)]
  return [
    `${line}${interrupted === true ? 'interrupted; ' : ''}${style(counts)}${moved}`,
    ...(error === undefined ? [] : errorLines(error, styles)),
  ]
}

function entryLines({ name, report, error }: SyncedEntry, styles: Styles): readonly string[] {
  const own = error === undefined ? [] : [`${styles.strong(safeLine(name))}: ${styles.bad('not started')}`, ...errorLines(error, styles)]
  return [...own, ...(report?.destinations ?? []).flatMap((destination) => destinationLines(name, destination, styles))]
}

/** The result of a run over entries: a line for each destination, and what failed. Ends with a newline. */
export function formatSync({ entries }: SyncReport, styles: Styles): string {
  return `${entries.flatMap((entry) => entryLines(entry, styles)).join('\n')}\n`
}

function planLines({ images, failures, totals }: PlanReport, styles: Styles): readonly string[] {
  const differing = images.filter(({ state }) => state === 'new' || state === 'changed')
  const named = differing.slice(0, mostNamed).map(({ state, source, previousDigest }) => {
    const before = previousDigest === undefined ? '' : ` (was ${previousDigest})`
    return `  ${styles.warning(state.padEnd(7))} ${safeLine(source)}${safeLine(before)}`
  })
  const more = differing.length > mostNamed ? [`  and ${differing.length - mostNamed} more: --output json lists them all`] : []
  return [...named, ...more, ...failureLines(failures, totals.images, styles).map((line) => `  ${line}`)]
}

function checkedLines(name: string, { destination, plan, error }: CheckedDestination, styles: Styles): readonly string[] {
  const line = heading(name, destination, styles)
  if (plan === undefined) return [`${line}: ${styles.bad('not checked')}`, ...(error === undefined ? [] : errorLines(error, styles))]
  const { totals, lists } = plan
  const counts = [
    [totals.new, 'new'],
    [totals.changed, 'changed'],
    [totals.failed, 'failed'],
  ] as const
  const isSame = counts.every(([count]) => count === 0)
  const toCopy = totals.bytesToMove === 0 ? '' : `, ${formatBytes(totals.bytesToMove)} to copy`
  const facts = isSame
    ? styles.good(`${formatCount(totals.images, 'image')} in sync`)
    : `${styles.warning(formatImageCounts(totals.images, [...counts, [totals.present, 'present'], [totals.skipped, 'skipped']]))}${toCopy}`
  const failed = plan.error === undefined ? [] : errorLines(plan.error, styles)
  return [`${line}${inBrackets(channels(lists))}: ${facts}`, ...(failed.length > 0 ? failed : planLines(plan, styles))]
}

/** The result of `--check`: each destination, and the images that a run would copy. Ends with a newline. */
export function formatSyncCheck({ entries }: SyncCheckReport, styles: Styles): string {
  const lines = entries.flatMap(({ name, destinations }) => destinations.flatMap((checked) => checkedLines(name, checked, styles)))
  return `${lines.join('\n')}\n`
}
