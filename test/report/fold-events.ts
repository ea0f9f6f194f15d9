import type { MirrorEvent } from '../../src/copy/events.ts'
import { ReportFold } from '../../src/report/fold-report.ts'
import type { MirrorReport } from '../../src/report/report.ts'

/** The report of a whole run, from its events. */
export function foldReport(events: Iterable<MirrorEvent>): MirrorReport {
  const fold = new ReportFold('mirror')
  for (const event of events) fold.event(event)
  return fold.report()
}
