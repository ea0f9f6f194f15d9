import type { MirrorEvent } from '../../copy/events.ts'

/** What shows a run: takes every event in order, then `end`, which may come early or twice and leaves the stream as it was found. */
export interface Renderer {
  event(event: MirrorEvent): void
  end(): void
}

/** Where text goes. */
export interface TextOutput {
  write(text: string): unknown
}

/** Time as the output sees it, so that tests can turn it by hand. */
export interface OutputClock {
  /** Milliseconds since some moment; never goes back. */
  now(): number
  /** Calls `tick` every so many milliseconds until the returned function is called; keeps no process alive. */
  every(milliseconds: number, tick: () => void): () => void
}

/** The real time. */
export const outputClock: OutputClock = {
  now: () => performance.now(),
  every: (milliseconds, tick) => {
    const timer = setInterval(tick, milliseconds).unref()
    return () => clearInterval(timer)
  },
}
