import type { MirrorReport } from '../../report/report.ts'
import { failureLines } from './failures.ts'
import { formatCount, formatDuration } from './format-amount.ts'
import type { Styles } from './styles.ts'
import { formatSummary } from './summary.ts'

/** How evenly the work was divided. */
function shardsLine({ shards = [] }: MirrorReport): string {
  const images = shards.map((shard) => shard.images)
  const [least, most] = [Math.min(...images), Math.max(...images)]
  const each = `${least === most ? '' : `${least} to `}${formatCount(most, 'image')} each`
  const slowest = shards.toSorted((a, b) => b.seconds - a.seconds)[0]
  return `${formatCount(shards.length, 'shard')}, ${each}; shard ${slowest?.index ?? 1} took longest: ${formatDuration((slowest?.seconds ?? 0) * 1000)}`
}

/** A finished run for people: its failures and its totals. Ends with a newline. */
export function formatFinished({ interrupted: _interrupted, ...report }: MirrorReport, styles: Styles): string {
  const { images, totals } = report
  const failures = images.flatMap(({ source, error }) => (error === undefined ? [] : [{ source, error }]))
  return [...failureLines(failures, totals.images, styles), formatSummary(report, styles)].join('\n')
}

/** A merged report for people: the failures of all shards, the totals, and how the work was divided. Ends with a newline. */
export function formatMerged(report: MirrorReport, styles: Styles): string {
  return `${formatFinished(report, styles)}${shardsLine(report)}\n`
}
