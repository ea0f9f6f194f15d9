import type { ErrorSummary, MirrorEvent } from '../copy/events.ts'
import { unfinishedError } from './report-head.ts'
import type { FileReport } from './report.ts'

const statusOf = { new: 'failed', present: 'reused', base: 'in-base' } as const

/** Folds the events about files of a kit into their part of the report. */
export class FileFold {
  readonly #files = new Map<string, FileReport>()

  event(event: MirrorEvent): void {
    if (event.type === 'file-planned') {
      const { type: _type, state, ...file } = event
      this.#files.set(event.path, { ...file, status: statusOf[state] })
    } else if (event.type === 'file-copied') this.#change(event.path, { status: 'added' })
    else if (event.type === 'file-failed') this.#change(event.path, { status: 'failed', error: event.error })
  }

  #change(path: string, change: Partial<FileReport>): void {
    const known = this.#files.get(path)
    if (known !== undefined) this.#files.set(path, { ...known, ...change })
  }

  /** Bytes of the files that ended so. */
  bytesOf(...statuses: readonly FileReport['status'][]): number {
    return [...this.#files.values()].reduce((sum, { status, size }) => (statuses.includes(status) ? sum + size : sum), 0)
  }

  /** Undefined where the run has no files; `ended` is what ended it early. */
  report(ended: ErrorSummary | undefined): readonly FileReport[] | undefined {
    if (this.#files.size === 0) return undefined
    const error = ended ?? unfinishedError('file')
    return [...this.#files.values()].map((file) => (file.status === 'failed' ? { ...file, error: file.error ?? error } : file))
  }
}
