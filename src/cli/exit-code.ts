import type { ErrorSummary } from '../copy/events.ts'
import { isMirrorError, type ErrorCode } from '../errors.ts'

/** The exit codes of the process; with 2 nothing was copied, 5 only with `--detailed-exitcode`. */
export const exitCodes = {
  done: 0,
  someFailed: 1,
  invalidInput: 2,
  integrityRefused: 3,
  problemsFound: 4,
  changed: 5,
  interrupted: 130,
  terminated: 143,
} as const

/** One of the exit codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The signals that end a run early. */
export type StopSignal = 'SIGINT' | 'SIGTERM'

/** The exit codes of errors that are not plain failures: invalid input, or refused bytes. */
const exceptions: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
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

/** The exit code of a run that an error ended; `signal` is the one that was received, if any. Other errors than a MirrorError are 1. */
export function exitCodeOfError(error: unknown, signal?: StopSignal): ExitCode {
  const code = (isMirrorError(error) ? exceptions[error.code] : undefined) ?? exitCodes.someFailed
  return code === exitCodes.interrupted && signal === 'SIGTERM' ? exitCodes.terminated : code
}

/** The exit code of a report, or of the `failures` of a plan report as `images`: interrupted first, then the error that ended the run, then refused bytes, then any failure. */
export function exitCodeOfReport(
  {
    images,
    error,
    interrupted,
  }: { readonly images: readonly { readonly error?: ErrorSummary }[]; readonly error?: ErrorSummary; readonly interrupted?: boolean },
  signal?: StopSignal,
): ExitCode {
  if (interrupted === true) return signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
  if (error !== undefined) return exceptions[error.code] ?? exitCodes.someFailed
  const failures = images.flatMap((image) => image.error ?? [])
  if (failures.some(({ code }) => exceptions[code] === exitCodes.integrityRefused)) return exitCodes.integrityRefused
  return failures.length > 0 ? exitCodes.someFailed : exitCodes.done
}
