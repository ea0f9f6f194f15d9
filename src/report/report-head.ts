import type { ErrorSummary } from '../copy/events.ts'
import { version } from '../version.ts'

/** The program that wrote a report. */
export interface ReportTool {
  /** Always `k3s-mirror`. */
  readonly name: 'k3s-mirror'
  /** As `k3s-mirror --version` prints it. */
  readonly version: string
}

/** What every report of a run begins with. */
export interface ReportHead {
  /** Rises when a field changes its meaning or disappears; new fields do not raise it. */
  readonly schemaVersion: 1
  /** The program that wrote this report. */
  readonly tool: ReportTool
  /** When the run began: ISO 8601, in UTC. */
  readonly startedAt: string
  /** When the run ended: ISO 8601, in UTC. */
  readonly finishedAt: string
}

/** The document of a command that could not begin, or that ended without a report of its own. */
export interface FailureReport extends ReportHead {
  /** The command as it was named: `bundle push`. Null where no command was named. */
  readonly command: string | null
  /** Why the command could not begin. */
  readonly error: ErrorSummary
}

/** The head of the report of a run that began at `startedAt` and ends at `finishedAt`, by default now. */
export function reportHead(startedAt: string, finishedAt: string = new Date().toISOString()): ReportHead {
  return { schemaVersion: 1, tool: { name: 'k3s-mirror', version }, startedAt, finishedAt }
}

/** The error of what a run did not finish. */
export function unfinishedError(what: 'image' | 'file'): ErrorSummary {
  return {
    code: 'CANCELLED',
    message: `the run ended before this ${what} was finished`,
    hint: 'run the same command again; it copies only what is missing',
  }
}
