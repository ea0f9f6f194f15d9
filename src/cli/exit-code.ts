import type { ErrorSummary } from '../copy/events.ts'
import { isMirrorError, type ErrorCode } from '../errors.ts'
import type { PlanReport } from '../report/plan-report.ts'
import type { MirrorReport } from '../report/report.ts'

/** The exit codes of the process; with 2 and 6 nothing was copied, and 5 is only used with `--detailed-exitcode`. */
export const exitCodes = {
  done: 0,
  someFailed: 1,
  invalidInput: 2,
  integrityRefused: 3,
  problemsFound: 4,
  changed: 5,
  notBegun: 6,
  interrupted: 130,
  terminated: 143,
} as const

/** One of the exit codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The signals that end a run early. */
export type StopSignal = 'SIGINT' | 'SIGTERM'

/** The exit codes of errors that mean the same wherever they occur: invalid input, or refused bytes. */
const fixed: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  USAGE: exitCodes.invalidInput,
  INVALID_REFERENCE: exitCodes.invalidInput,
  INVALID_LIST: exitCodes.invalidInput,
  INVALID_REWRITE: exitCodes.invalidInput,
  INVALID_CONFIG: exitCodes.invalidInput,
  DESTINATION_COLLISION: exitCodes.invalidInput,
  // The option named a release or a channel that does not exist.
  RELEASE_NOT_FOUND: exitCodes.invalidInput,
  CHANNEL_NOT_FOUND: exitCodes.invalidInput,
  CHECKSUM_MISMATCH: exitCodes.integrityRefused,
  INTEGRITY: exitCodes.integrityRefused,
  TAG_MOVED: exitCodes.integrityRefused,
  CANCELLED: exitCodes.interrupted,
}

/** The exit codes of errors that end a command before its work began; those of images never get here. */
const ofCommands: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  ...fixed,
  // The archive or layout that was named: missing, malformed, or of an unknown kind.
  NOT_FOUND: exitCodes.invalidInput,
  INVALID_MANIFEST: exitCodes.invalidInput,
  UNSUPPORTED: exitCodes.invalidInput,
  NO_SUCH_PLATFORM: exitCodes.invalidInput,
  INTERNAL: exitCodes.someFailed,
}

/** What the operating system answers for a path that does not exist. */
const wrongPath: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR'])

/** The exit code of a command that an error ended before its work began; `signal` is the one that was received, if any. Other errors than a MirrorError are 1. */
export function exitCodeOfError(error: unknown, signal?: StopSignal): ExitCode {
  if (!isMirrorError(error)) return exitCodes.someFailed
  const { code: reason } = (error.cause ?? {}) as { readonly code?: unknown }
  if (error.code === 'LOCAL_IO' && wrongPath.has(reason)) return exitCodes.invalidInput
  const code = ofCommands[error.code] ?? exitCodes.notBegun
  return code === exitCodes.interrupted && signal === 'SIGTERM' ? exitCodes.terminated : code
}

/** The exit code of several runs: interrupted first, then refused bytes; 6 only where no run began, and 5 where one changed something and none failed. */
export function worstExitCode(codes: readonly ExitCode[]): ExitCode {
  const [first = exitCodes.done] = codes
  if (codes.every((code) => code === first)) return first
  if (codes.every((code) => code === exitCodes.done || code === exitCodes.changed)) return exitCodes.changed
  const worst = ([exitCodes.terminated, exitCodes.interrupted, exitCodes.integrityRefused] as const).find((code) => codes.includes(code))
  return worst ?? exitCodes.someFailed
}

/** What of a report decides the exit code. */
interface Ended {
  readonly images: readonly { readonly error?: ErrorSummary }[]
  readonly files?: readonly { readonly error?: ErrorSummary }[]
  readonly error?: ErrorSummary
  readonly interrupted?: boolean
}

/** The exit code of a report: interrupted first, then refused bytes, then what kept every image from being started, then any failure. A success is 5 where `changed` is true: with `--detailed-exitcode`, after a change. */
export function exitCodeOfReport({ images, files = [], error, interrupted }: Ended, signal?: StopSignal, changed = false): ExitCode {
  if (interrupted === true) return signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
  const failures = [...images, ...files].flatMap((one) => one.error ?? [])
  const isNothingDone = failures.length === images.length + files.length
  if (error !== undefined) return fixed[error.code] ?? (isNothingDone ? exitCodes.notBegun : exitCodes.someFailed)
  if (failures.some(({ code }) => fixed[code] === exitCodes.integrityRefused)) return exitCodes.integrityRefused
  if (failures.length > 0) return exitCodes.someFailed
  return changed ? exitCodes.changed : exitCodes.done
}

/** Whether a change decides the exit code, as with `--detailed-exitcode`. */
export interface ExitCodeOptions {
  readonly detailed?: boolean | undefined
  readonly signal?: StopSignal | undefined
}

/** The exit code of a run that copies images. */
export function exitCodeOfRun(report: MirrorReport, { detailed = false, signal }: ExitCodeOptions): ExitCode {
  return exitCodeOfReport(report, signal, detailed && report.totals.copied + report.totals.replaced > 0)
}

/** The exit code of a plan, of which what would be copied is a change. */
export function exitCodeOfPlan(report: PlanReport, { detailed = false }: ExitCodeOptions): ExitCode {
  const images = [...report.images.map(() => ({})), ...report.failures]
  return exitCodeOfReport({ ...report, images }, undefined, detailed && report.totals.new + report.totals.changed > 0)
}
