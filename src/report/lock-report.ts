import type { ErrorSummary } from '../copy/events.ts'
import type { LockChanges } from '../lock/compare-locks.ts'
import type { Lock } from '../lock/lock.ts'
import type { ReportHead } from './report-head.ts'

/** An image that could not be read, and why. */
export interface LockFailure {
  readonly reference: string
  readonly error: ErrorSummary
}

/** The document of `lock --output json`: the lock, and what became of its file. */
export interface LockReport extends ReportHead, Omit<Lock, 'bundle' | 'schemaVersion'> {
  readonly command: 'lock'
  /** The lock file as the user wrote it; null where none was asked for, or an image failed. */
  readonly file: string | null
  /** True where the file was created or replaced; an equal one is left as it is. */
  readonly written: boolean
  /** What changed since the file's earlier lock; null without one. */
  readonly changes: LockChanges | null
  /** `size`: bytes of all manifests and blobs, each digest once. */
  readonly totals: { readonly images: number; readonly failed: number; readonly size: number }
  /** Not empty where no lock was written. */
  readonly failures: readonly LockFailure[]
  readonly warnings: readonly string[]
  /** Present where the source cannot be used at all: every image failed with it. */
  readonly error?: ErrorSummary
}
