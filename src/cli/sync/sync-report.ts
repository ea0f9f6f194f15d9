import type { ErrorSummary } from '../../copy/events.ts'
import type { PlanReport, PlanTotals } from '../../report/plan-report.ts'
import type { ReportHead } from '../../report/report-head.ts'
import type { ManyReport, MirrorReport, ReportTotals } from '../../report/report.ts'
import { sumTotals } from '../../report/sum-totals.ts'

/** One entry of a run; `error` where it could not begin. */
export interface SyncedEntry {
  readonly name: string
  readonly report?: ManyReport
  readonly error?: ErrorSummary
}

/** What `sync --output json` prints and `--report` writes: the report of each entry, in the order of the file. */
export interface SyncReport extends ReportHead {
  readonly command: 'sync'
  readonly check: false
  /** The file, as the user wrote it. */
  readonly config: string
  readonly entries: readonly SyncedEntry[]
  /** The sums over all entries and destinations; an image counts once for each destination. */
  readonly totals: ReportTotals
  /** Present where the run was interrupted. */
  readonly interrupted?: true
}

/** One destination of a check; `error` where the entry could not be compared with it. */
export interface CheckedDestination {
  readonly destination: string
  readonly plan?: PlanReport
  readonly error?: ErrorSummary
}

/** One entry of a check. */
export interface CheckedEntry {
  readonly name: string
  readonly destinations: readonly CheckedDestination[]
}

/** What `sync --check` prints instead: what a run would do, by entry and destination. */
export interface SyncCheckReport extends ReportHead {
  readonly command: 'sync'
  readonly check: true
  readonly config: string
  readonly entries: readonly CheckedEntry[]
  readonly totals: Pick<PlanTotals, 'images' | 'new' | 'changed' | 'present' | 'skipped' | 'failed' | 'bytesToMove'>
}

/** What became of one destination of an entry, or of an entry that could not begin, which has only an `error`. */
export interface SyncPart {
  readonly entry: string
  readonly destination?: string | undefined
  readonly run?: MirrorReport | undefined
  readonly plan?: PlanReport | undefined
  readonly error?: ErrorSummary | undefined
}

/** The parts of a run or of a check, in the order of the file. */
export function partsOf(report: SyncReport | SyncCheckReport): readonly SyncPart[] {
  if (report.check) return report.entries.flatMap(({ name: entry, destinations }) => destinations.map((one) => ({ entry, ...one })))
  return report.entries.flatMap(({ name: entry, report: many, error }): readonly SyncPart[] =>
    many === undefined ? [{ entry, error }] : many.destinations.map((run) => ({ entry, destination: run.destination, run })),
  )
}

/** The entry and its destination as messages name them: `k3s -> registry.example.com/mirror`. */
export function namePart({ entry, destination }: SyncPart): string {
  return destination === undefined ? entry : `${entry} -> ${destination}`
}

/** The totals of a run over entries. */
export function sumSyncTotals(entries: readonly SyncedEntry[]): ReportTotals {
  const all = entries.flatMap(({ report }) => report?.totals ?? [])
  // Entries run one after another.
  return { ...sumTotals(all), seconds: all.reduce((total, { seconds }) => total + seconds, 0) }
}

/** The totals of a check over entries. */
export function sumCheckTotals(entries: readonly CheckedEntry[]): SyncCheckReport['totals'] {
  const all = entries.flatMap(({ destinations }) => destinations.flatMap(({ plan }) => plan?.totals ?? []))
  const sum = (key: keyof SyncCheckReport['totals']): number => all.reduce((total, totals) => total + totals[key], 0)
  return {
    images: sum('images'),
    new: sum('new'),
    changed: sum('changed'),
    present: sum('present'),
    skipped: sum('skipped'),
    failed: sum('failed'),
    bytesToMove: sum('bytesToMove'),
  }
}

/** What kept an entry, or one of its destinations, from working as a whole. */
export function errorsOf({ report, error }: SyncedEntry): readonly ErrorSummary[] {
  return [error, ...(report?.destinations ?? []).map((destination) => destination.error)].filter((one) => one !== undefined)
}

/** True where everything of an entry is in place. */
export function hasSucceeded(entry: SyncedEntry): boolean {
  const { report } = entry
  const isWhole = report?.destinations.every(({ interrupted, totals }) => interrupted !== true && totals.failed === 0) ?? false
  return isWhole && errorsOf(entry).length === 0
}
