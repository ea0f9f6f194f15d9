import type { ErrorSummary } from '../../copy/events.ts'
import {
  exitCodeOfPlan,
  exitCodeOfReport,
  exitCodeOfRun,
  exitCodes,
  worstExitCode,
  type ExitCode,
  type ExitCodeOptions,
} from '../exit-code.ts'
import type { SyncCheckReport, SyncReport } from './sync-report.ts'

const ofError = (error: ErrorSummary | undefined): readonly ExitCode[] =>
  error === undefined || error.code === 'CANCELLED' ? [] : [exitCodeOfReport({ images: [], error })]

/** The exit code of a run over entries: the worst of its destinations. */
export function exitCodeOfSync({ entries, interrupted }: SyncReport, options: ExitCodeOptions): ExitCode {
  if (interrupted === true) return options.signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
  return worstExitCode(
    entries.flatMap(({ report, error }) => [...ofError(error), ...(report?.destinations ?? []).map((one) => exitCodeOfRun(one, options))]),
  )
}

/** The same of a check, of which what a run would copy is a change. */
export function exitCodeOfSyncCheck({ entries }: SyncCheckReport, options: ExitCodeOptions): ExitCode {
  return worstExitCode(
    entries.flatMap(({ destinations }) =>
      destinations.flatMap(({ plan, error }) => [...ofError(error), ...(plan === undefined ? [] : [exitCodeOfPlan(plan, options)])]),
    ),
  )
}
