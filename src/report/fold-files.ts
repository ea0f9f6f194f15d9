import type { MirrorEvent } from '../copy/events.ts'
import { unfinishedError } from './report-head.ts'
import type { FileReport } from './report.ts'

const statuses = { new: 'failed', present: 'reused', base: 'in-base' } as const

/** Folds the events about files of a kit into their part of the report. */
export class FileFold {
  readonly #files = new Map<string, FileReport>()

  event(event: MirrorEvent): void {
    if (event.type === 'file-planned') {
      const { type: _type, state, ...file } = event
      this.#files.set(event.path, { ...file, status: statuses[state] })
    } else if (event.type === 'file-copied') this.#change(event.path, { status: 'added' })
    else if (event.type === 'file-failed') this.#change(event.path, { status: 'failed', error: event.error })
  }

  #change(path: string, change: Partial<FileReport>): void {
    const known = this.#files.get(path)
    if (known !== undefined) this.#files.set(path, { ...known, ...change })
  }

  /** Undefined where the run has no files. */
  report(): readonly FileReport[] | undefined {
    if (this.#files.size === 0) return undefined
    return [...this.#files.values()].map((file) => (file.status === 'failed' ? { error: unfinishedError('file'), ...file } : file))
  }
}
