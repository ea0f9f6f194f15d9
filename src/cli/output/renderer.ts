import type { MirrorEvent } from '../../copy/events.ts'
import type { Styles } from './styles.ts'

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

/** How much is said: `quiet` failures alone, `verbose` also every blob and retry. */
export type Verbosity = 'quiet' | 'normal' | 'verbose'

/** How a run is shown; times are in milliseconds, 10 000 by default. */
export interface RendererOptions {
  readonly styles: Styles
  readonly verbosity?: Verbosity | undefined
  /** The least time between two lines about one throttling registry. */
  readonly throttleInterval?: number | undefined
  /** The time between two lines on where the run stands, where no bars show it. */
  readonly heartbeat?: number | undefined
  readonly clock?: OutputClock | undefined
}
