import type { LockReport } from '../../report/lock-report.ts'
import { safeLine } from '../../text/printable.ts'
import { formatBytes, formatCount } from './format-amount.ts'
import type { Styles } from './styles.ts'

/** What became of a lock file, and how its images differ from those before, a line each. Ends with a newline. */
export function formatLockReport({ file, written, changes, totals }: LockReport, styles: Styles): string {
  if (file === null) return `${styles.bad('no lock file is written')}: ${totals.failed} of ${formatCount(totals.images, 'image')} failed\n`
  const amount = `${formatCount(totals.images, 'image')}, ${formatBytes(totals.size)}`
  const { added = [], removed = [], changed = [] } = changes ?? {}
  const lines = [
    ...added.map((reference) => `${styles.good('added')} ${safeLine(reference)}`),
    ...removed.map((reference) => `${styles.warning('removed')} ${safeLine(reference)}`),
    ...changed.flatMap(({ reference, from, to }) => [
      `${styles.warning('changed')} ${safeLine(reference)}`,
      `  from ${from}`,
      `  to   ${to}`,
    ]),
    written ? `wrote ${safeLine(file)}: ${amount}` : `${safeLine(file)} is up to date: ${amount}`,
  ]
  return `${lines.join('\n')}\n`
}
