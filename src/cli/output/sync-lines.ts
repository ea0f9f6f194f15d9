import { RunTally } from '../../report/run-tally.ts'
import { safeLine } from '../../text/printable.ts'
import type { SyncEvent } from '../sync/run-sync.ts'
import type { SyncEntry } from '../sync/sync-config.ts'
import { EventLines } from './event-lines.ts'
import type { Verbosity } from './renderer.ts'
import type { Styles } from './styles.ts'

/** How the lines of `sync` are printed. */
export interface SyncLinesOptions {
  readonly styles: Styles
  readonly verbosity: Verbosity
  /** Leave out what each run repeats: images that are up to date, checksums of lists, and warnings and failures of the run before. */
  readonly isWatching: boolean
  readonly write: (line: string) => void
}

/** Turns events of several entries and destinations into lines that begin with the entry. */
export class SyncLines {
  readonly #options: SyncLinesOptions
  readonly #runs = new Map<string, { readonly tally: RunTally; readonly lines: EventLines }>()
  /** What each destination was warned of in this run, and in the run before. */
  #said = new Set<string>()
  #saidBefore = new Set<string>()
  #several: ReadonlySet<string> = new Set()

  constructor(options: SyncLinesOptions) {
    this.#options = options
  }

  /** Begins a run over these entries; the lines of one with several destinations name them. */
  begin(entries: readonly SyncEntry[]): void {
    this.#runs.clear()
    this.#several = new Set(entries.filter(({ to }) => to.length > 1).map(({ name }) => name))
    this.#saidBefore = this.#said
    this.#said = new Set()
  }

  event(event: SyncEvent, now: number): void {
    const { isWatching, verbosity, styles, write } = this.#options
    const key = JSON.stringify([event.entry, event.to])
    let run = this.#runs.get(key)
    if (run === undefined) {
      const tally = new RunTally()
      run = { tally, lines: new EventLines(tally, { styles, verbosity }) }
      this.#runs.set(key, run)
    }
    run.tally.event(event, now)
    const lines = run.lines.of(event, now)
    if (isWatching && verbosity !== 'verbose' && (event.type === 'image-up-to-date' || event.type === 'list-read')) return
    const isRepeated = event.type === 'warning' || event.type === 'run-finished'
    for (const line of lines) {
      const said = `${key} ${line}`
      if (isRepeated) this.#said.add(said)
      if (isRepeated && isWatching && this.#saidBefore.has(said)) continue
      const name = this.#several.has(event.entry) ? `${event.entry} -> ${event.to}` : event.entry
      write(`${styles.strong(`${safeLine(name)}:`)} ${line}`)
    }
  }
}
