import { metricFamily } from '../../registry-server/metrics.ts'
import type { MirrorReport } from '../../report/report.ts'
import { errorsOf, hasSucceeded, type SyncedEntry, type SyncReport } from './sync-report.ts'

/** What is counted of an entry since the start. */
interface EntryCounts {
  runs: number
  failedRuns: number
  failedImages: number
  lastRun: number
  /** Seconds since 1970; 0 before the first success. */
  lastSuccess: number
  readonly bytes: Map<string, number>
  last: SyncedEntry
}

type Labels = Readonly<Record<string, string>>

/** Labels and a value: https://prometheus.io/docs/instrumenting/exposition_formats/#comments-help-text-and-type-information */
function sample(labels: Labels, value: number): string {
  const escape = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escape(text)}"`)
  return `${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`
}

function imageSamples(entry: string, { destination, totals }: MirrorReport): readonly string[] {
  const states = {
    copied: totals.copied,
    replaced: totals.replaced,
    up_to_date: totals.upToDate,
    skipped: totals.skipped,
    failed: totals.failed,
  }
  return Object.entries(states).map(([state, count]) => sample({ entry, destination, state }, count))
}

/** The releases that an entry's channels led to, each once. */
function releaseSamples(entry: string, reports: readonly MirrorReport[]): readonly string[] {
  const lists = reports.flatMap((report) => report.lists)
  return [
    ...new Set(
      lists.flatMap(({ channel, release }) =>
        channel === undefined || release === undefined ? [] : sample({ entry, channel, release }, 1),
      ),
    ),
  ]
}

/** Counts the runs of `sync --watch`. Labels come from the configuration and from releases only. */
export class SyncMetrics {
  #entries = new Map<string, EntryCounts>()
  #isReloaded = true
  isRunning = false

  /** Counts a finished run; entries that the configuration no longer has are dropped. `date` is its end. */
  observe({ entries }: SyncReport, date: Date): void {
    const now = Math.round(date.getTime() / 1000)
    this.#entries = new Map(entries.map((entry) => [entry.name, this.#count(entry, now)]))
  }

  /** Records whether the configuration that was read last is in use. */
  reloaded(isReloaded: boolean): void {
    this.#isReloaded = isReloaded
  }

  #count(entry: SyncedEntry, now: number): EntryCounts {
    const counts = this.#entries.get(entry.name) ?? {
      runs: 0,
      failedRuns: 0,
      failedImages: 0,
      lastRun: now,
      lastSuccess: 0,
      bytes: new Map<string, number>(),
      last: entry,
    }
    const hasWorked = hasSucceeded(entry)
    counts.runs++
    counts.last = entry
    counts.lastRun = now
    if (hasWorked) counts.lastSuccess = now
    else counts.failedRuns++
    for (const { destination, totals } of entry.report?.destinations ?? []) {
      counts.failedImages += totals.failed
      counts.bytes.set(destination, (counts.bytes.get(destination) ?? 0) + totals.bytesCopied)
    }
    return counts
  }

  /** Everything in Prometheus' text format. */
  render(version: string): string {
    const entries = [...this.#entries]
    const each = (value: (counts: EntryCounts) => number): readonly string[] =>
      entries.map(([entry, counts]) => sample({ entry }, value(counts)))
    const reports = entries.map(([entry, { last }]) => [entry, last.report?.destinations ?? []] as const)
    const prefix = 'k3s_mirror_sync'
    const families = [
      metricFamily(
        `${prefix}_runs_total`,
        'counter',
        'Runs of an entry that ended.',
        each(({ runs }) => runs),
      ),
      metricFamily(
        `${prefix}_failed_runs_total`,
        'counter',
        'Runs after which something was missing.',
        each((counts) => counts.failedRuns),
      ),
      metricFamily(
        `${prefix}_failed_images_total`,
        'counter',
        'Images that failed, over all runs.',
        each((counts) => counts.failedImages),
      ),
      metricFamily(
        `${prefix}_last_run_timestamp_seconds`,
        'gauge',
        'End of the last run.',
        each(({ lastRun }) => lastRun),
      ),
      metricFamily(
        `${prefix}_last_success_timestamp_seconds`,
        'gauge',
        'End of the last run after which everything was in place; 0 before the first.',
        each(({ lastSuccess }) => lastSuccess),
      ),
      metricFamily(
        `${prefix}_errors`,
        'gauge',
        'Destinations that the last run could not use at all.',
        each(({ last }) => errorsOf(last).length),
      ),
      metricFamily(
        `${prefix}_images`,
        'gauge',
        'Images of the last run, by state.',
        reports.flatMap(([entry, all]) => all.flatMap((report) => imageSamples(entry, report))),
      ),
      metricFamily(
        `${prefix}_copied_bytes_total`,
        'counter',
        'Bytes that were sent to a destination.',
        entries.flatMap(([entry, { bytes }]) => [...bytes].map(([destination, count]) => sample({ entry, destination }, count))),
      ),
      metricFamily(
        `${prefix}_release_info`,
        'gauge',
        'Always 1; the release of a channel is a label.',
        reports.flatMap(([entry, all]) => releaseSamples(entry, all)),
      ),
      metricFamily(`${prefix}_running`, 'gauge', '1 while a run is in progress.', [sample({}, this.isRunning ? 1 : 0)]),
      metricFamily(`${prefix}_config_reload_successful`, 'gauge', '0 while the last configuration that was read is invalid.', [
        sample({}, this.#isReloaded ? 1 : 0),
      ]),
      metricFamily('k3s_mirror_build_info', 'gauge', 'Always 1; the version is a label.', [sample({ version }, 1)]),
      metricFamily('process_start_time_seconds', 'gauge', 'Start of the process, in seconds since 1970.', [
        sample({}, Number((performance.timeOrigin / 1000).toFixed(3))),
      ]),
    ]
    return `${families.join('\n')}\n`
  }
}
