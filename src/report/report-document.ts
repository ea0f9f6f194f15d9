import type { MirrorEvent } from '../copy/events.ts'
import type { LintReport } from '../registries-yaml/lint/lint-report.ts'
import type { ManyPlanReport, PlanReport } from './plan-report.ts'
import type { FailureReport } from './report-head.ts'
import type { ManyReport, MirrorReport } from './report.ts'
import type { VerifyReport } from './verify-report.ts'

/** A document of `--output json` or `--report`: `command` says which, and a document with an `error` but without `images` is that of a run that could not begin. */
export type ReportDocument = MirrorReport | ManyReport | PlanReport | ManyPlanReport | VerifyReport | LintReport | FailureReport

/** A line of `--events`: an event and when it came. */
export type EventLine = MirrorEvent & {
  /** When the event came: ISO 8601, in UTC. */
  readonly time: string
  /** The destination that the event belongs to, as the user wrote it; present in a run to several destinations. */
  readonly to?: string
}
