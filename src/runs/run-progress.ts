import type { MirrorEvent } from '../copy/events.ts'
import { RunTally } from '../report/run-tally.ts'

/** Milliseconds between two reports. */
const spacing = 1000

/** Adds up the progress of a whole run from its events, passed in order with their times in milliseconds. */
export class RunProgress {
  readonly #tally = new RunTally()
  #last = 0

  /** The progress where it is due: once a second, and at the end of the run. */
  event(event: MirrorEvent, now: number): Extract<MirrorEvent, { type: 'run-progressed' }> | undefined {
    this.#tally.event(event, now)
    if (event.type === 'run-started') this.#last = now
    if (event.type !== 'run-finished' && now - this.#last < spacing) return undefined
    this.#last = now
    const { bytesDone: bytes, bytesExpected: totalBytes, imagesDone: images, images: totalImages } = this.#tally
    return { type: 'run-progressed', bytes, totalBytes, images, totalImages }
  }
}
