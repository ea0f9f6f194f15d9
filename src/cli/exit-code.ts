import type { ErrorSummary } from '../copy/events.ts'
import { isMirrorError, type ErrorCode } from '../errors.ts'

/** What the process exits with; 2 means that nothing was moved. */
export const exitCodes = {
  done: 0,
  someFailed: 1,
  invalidInput: 2,
  integrityRefused: 3,
  problemsFound: 4,
  interrupted: 130,
  terminated: 143,
} as const

/** One of the exit codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The signals that end a run early. */
export type StopSignal = 'SIGINT' | 'SIGTERM'

/** The exit code of a run that ended with this error. */
export const exitCodeOf: Readonly<Record<ErrorCode, ExitCode>> = {
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
  // Comes from a registry, not from the user.
  INVALID_MANIFEST: exitCodes.someFailed,
  LIST_UNAVAILABLE: exitCodes.someFailed,
  NOT_FOUND: exitCodes.someFailed,
  UNAUTHORIZED: exitCodes.someFailed,
  DENIED: exitCodes.someFailed,
  UNSUPPORTED: exitCodes.someFailed,
  NO_SUCH_PLATFORM: exitCodes.someFailed,
  THROTTLED: exitCodes.someFailed,
  UNAVAILABLE: exitCodes.someFailed,
  UNREACHABLE: exitCodes.someFailed,
  CONNECTION_LOST: exitCodes.someFailed,
  TLS: exitCodes.someFailed,
  TIMEOUT: exitCodes.someFailed,
  PROTOCOL: exitCodes.someFailed,
  REFUSED_ADDRESS: exitCodes.someFailed,
  LAYOUT_LOCKED: exitCodes.someFailed,
  LOCAL_IO: exitCodes.someFailed,
  ENGINE_UNAVAILABLE: exitCodes.someFailed,
  NO_SPACE: exitCodes.someFailed,
  CANCELLED: exitCodes.interrupted,
  INTERNAL: exitCodes.someFailed,
}

/** What the exit code of a finished report depends on: a mirror report, or a plan report's `failures` as `images`. */
export interface FinishedRun {
  readonly images: readonly { readonly error?: ErrorSummary }[]
  readonly interrupted?: boolean
}

/** The exit code of a run that an error ended; `signal` is the one that was received, if any. Anything that is no MirrorError is 1. */
export function exitCodeOfError(error: unknown, signal?: StopSignal): ExitCode {
  const code = isMirrorError(error) ? exitCodeOf[error.code] : exitCodes.someFailed
  return code === exitCodes.interrupted && signal === 'SIGTERM' ? exitCodes.terminated : code
}

/** The exit code of a run that came to its report: interrupted, then refused bytes, then any failure, in this order. */
export function exitCodeOfReport(report: FinishedRun, signal?: StopSignal): ExitCode {
  if (report.interrupted === true) return signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
  const failures = report.images.flatMap((image) => image.error ?? [])
  if (failures.some((error) => exitCodeOf[error.code] === exitCodes.integrityRefused)) return exitCodes.integrityRefused
  return failures.length > 0 ? exitCodes.someFailed : exitCodes.done
}
