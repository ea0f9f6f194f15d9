import type { ErrorSummary } from '../../copy/events.ts'
import { exitCodeOfReport, exitCodes, type ExitCode, type StopSignal } from '../exit-code.ts'
import type { SyncCheckReport, SyncReport } from './sync-report.ts'

/** Exit codes from the best to the worst; one that is not here counts as a failure. */
const order: readonly ExitCode[] = [
  exitCodes.done,
  exitCodes.changed,
  exitCodes.someFailed,
  exitCodes.problemsFound,
  exitCodes.invalidInput,
  exitCodes.integrityRefused,
  exitCodes.interrupted,
  exitCodes.terminated,
]

function worst(codes: readonly ExitCode[]): ExitCode {
  return codes.reduce<ExitCode>((found, code) => (order.indexOf(code) > order.indexOf(found) ? code : found), exitCodes.done)
}

const ofError = (error: ErrorSummary | undefined): readonly ExitCode[] =>
  error === undefined || error.code === 'CANCELLED' ? [] : [exitCodeOfReport({ images: [], error })]

/** The exit code of a run over entries: the worst of its destinations. With `detailed`, 5 where something was copied and nothing failed. */
export function exitCodeOfSync(
  report: SyncReport,
  { detailed, signal }: { readonly detailed: boolean; readonly signal?: StopSignal | undefined },
): ExitCode {
  const { entries, totals, interrupted } = report
  if (interrupted === true) return signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
  const code = worst(
    entries.flatMap((entry) => [
      ...ofError(entry.error),
      ...(entry.report?.destinations ?? []).map((one) => exitCodeOfReport(one, signal)),
    ]),
  )
  return code === exitCodes.done && detailed && totals.copied + totals.replaced > 0 ? exitCodes.changed : code
}

/** The same of a check: with `detailed`, 5 where a run would copy something. */
export function exitCodeOfSyncCheck({ entries, totals }: SyncCheckReport, { detailed }: { readonly detailed: boolean }): ExitCode {
  const code = worst(
    entries.flatMap(({ destinations }) =>
      destinations.flatMap(({ plan, error }) => [
        ...ofError(error),
        ...(plan === undefined ? [] : [exitCodeOfReport({ images: plan.failures, ...(plan.error && { error: plan.error }) })]),
      ]),
    ),
  )
  return code === exitCodes.done && detailed && totals.new + totals.changed > 0 ? exitCodes.changed : code
}
