import { namePart, partsOf, type SyncCheckReport, type SyncPart, type SyncReport } from '../sync/sync-report.ts'
import { formatJunit, type JunitSuite } from './junit.ts'
import { planSuite } from './plan-junit.ts'
import { beginningOf, runSuite, secondsOf } from './run-junit.ts'

function suiteOf(part: SyncPart, { tool, startedAt }: SyncReport | SyncCheckReport): JunitSuite {
  const { run, plan, error } = part
  const name = `sync ${namePart(part)}`
  if (run !== undefined) return { ...runSuite(run), name }
  if (plan !== undefined) return { ...planSuite(plan), name }
  return { name, cases: beginningOf(error, 0), properties: { version: tool.version }, seconds: 0, startedAt }
}

/** A run over entries, or a check, as JUnit XML: each destination of an entry is a suite, and an entry that could not begin a failing test case. Ends with a newline. */
export function formatSyncJunit(report: SyncReport | SyncCheckReport): string {
  const suites = partsOf(report).map((part) => suiteOf(part, report))
  return formatJunit('k3s-mirror sync', suites, secondsOf(report))
}
