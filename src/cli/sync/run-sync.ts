import { summariseError } from '../../copy/events.ts'
import { MirrorError } from '../../errors.ts'
import { reportHead } from '../../report/report-head.ts'
import { mirrorToMany, type DestinationEvent } from '../../runs/mirror-to-many.ts'
import { planToMany } from '../../runs/plan-to-many.ts'
import { entryOptions, type EntryOverrides } from './entry-options.ts'
import type { SyncConfig, SyncEntry } from './sync-config.ts'
import { sumCheckTotals, sumSyncTotals, type CheckedEntry, type SyncCheckReport, type SyncedEntry, type SyncReport } from './sync-report.ts'

/** An event of the run of an entry. */
export type SyncEvent = DestinationEvent & { readonly entry: string }

/** How the entries of a configuration are run. */
export interface SyncRunOptions extends EntryOverrides {
  /** The file, for the report. */
  readonly config: string
  readonly signal: AbortSignal
  readonly onEvent?: (event: SyncEvent) => void
}

async function syncEntry(entry: SyncEntry, { signal, onEvent, ...overrides }: SyncRunOptions): Promise<SyncedEntry> {
  const { name } = entry
  try {
    signal.throwIfAborted()
    const run = mirrorToMany({ ...entryOptions(entry, overrides), signal })
    for await (const event of run) onEvent?.({ ...event, entry: name })
    return { name, report: await run.report }
  } catch (error) {
    const cancelled = new MirrorError('CANCELLED', 'not started: the run was interrupted', { hint: 'run the same command again' })
    return { name, error: summariseError(signal.aborted ? cancelled : error) }
  }
}

/** Mirrors the entries one after another; the failure of one does not stop the others. */
export async function runEntries({ entries }: SyncConfig, options: SyncRunOptions): Promise<SyncReport> {
  const startedAt = new Date().toISOString()
  const synced: SyncedEntry[] = []
  for (const entry of entries) synced.push(await syncEntry(entry, options))
  const isInterrupted = options.signal.aborted
  const head = { ...reportHead(startedAt), command: 'sync', check: false, config: options.config } as const
  return { ...head, entries: synced, totals: sumSyncTotals(synced), ...(isInterrupted && { interrupted: true }) }
}

async function checkEntry(entry: SyncEntry, { signal, ...overrides }: SyncRunOptions): Promise<CheckedEntry> {
  const { name, to } = entry
  try {
    const { destinations } = await planToMany({ ...entryOptions(entry, overrides), signal })
    return { name, destinations: destinations.map((plan) => ({ destination: plan.destination, plan })) }
  } catch (error) {
    signal.throwIfAborted()
    return { name, destinations: to.map((destination) => ({ destination, error: summariseError(error) })) }
  }
}

/** Compares the entries with their destinations, and moves nothing. */
export async function checkEntries({ entries }: SyncConfig, options: SyncRunOptions): Promise<SyncCheckReport> {
  const startedAt = new Date().toISOString()
  const checked: CheckedEntry[] = []
  for (const entry of entries) checked.push(await checkEntry(entry, options))
  const head = { ...reportHead(startedAt), command: 'sync', check: true, config: options.config } as const
  return { ...head, entries: checked, totals: sumCheckTotals(checked) }
}
