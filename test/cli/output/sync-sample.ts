import { sumCheckTotals, sumSyncTotals, type SyncCheckReport, type SyncReport } from '../../../src/cli/sync/sync-report.ts'
import { reportHead } from '../../../src/report/report-head.ts'
import { samplePlan, sampleRun } from './sample-run.ts'

const head = reportHead('2026-01-02T03:04:05.000Z', '2026-01-02T03:04:15.000Z')
const error = { code: 'CHANNEL_NOT_FOUND', message: 'channel "nightly" not found', hint: 'check options.releases' } as const

/** A run of an entry with two destinations, and of one that could not begin. */
export function sampleSync(): SyncReport {
  const run = sampleRun()
  const destinations = [run, { ...run, destination: 'oci:/site' }]
  const report = { ...head, command: 'mirror', destinations, totals: run.totals } as const
  const entries = [
    { name: 'k3s', report },
    { name: 'apps', error },
  ]
  return { ...head, command: 'sync', check: false, config: 'sync.yaml', entries, totals: sumSyncTotals(entries) }
}

/** A check of an entry, and of one that could not be compared. */
export function sampleSyncCheck(): SyncCheckReport {
  const plan = samplePlan()
  const entries = [
    { name: 'k3s', destinations: [{ destination: plan.destination, plan }] },
    { name: 'apps', destinations: [{ destination: 'oci:/site', error }] },
  ]
  return { ...head, command: 'sync', check: true, config: 'sync.yaml', entries, totals: sumCheckTotals(entries) }
}
