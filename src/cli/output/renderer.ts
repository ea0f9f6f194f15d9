import type { MirrorEvent } from '../../copy/events.ts'
import type { Styles } from './styles.ts'

/** Shows a run: receives every event in order, then `end`, which may come early or twice and restores the terminal. */
export interface Renderer {
  event(event: MirrorEvent & { readonly to?: string }): void
  end(): void
}

/** A stream for text. */
export interface TextOutput {
  write(text: string): unknown
}

/** The clock of the output; tests replace it. */
export interface OutputClock {
  /** Milliseconds since an arbitrary moment; monotonic. */
  now(): number
  /** Calls `tick` at this interval until the returned function is called; does not keep the process alive. */
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

/** How much is printed: `quiet` only failures, `verbose` also every blob and retry. */
export type Verbosity = 'quiet' | 'normal' | 'verbose'

/** How a run is shown; times are in milliseconds, 10 000 by default. */
export interface RendererOptions {
  readonly styles: Styles
  readonly verbosity?: Verbosity | undefined
  /** The minimum time between two lines about one throttling registry. */
  readonly throttleInterval?: number | undefined
  /** The time between two progress lines, where no bars are shown. */
  readonly heartbeat?: number | undefined
  readonly clock?: OutputClock | undefined
  /** How many destinations the run has; default 1. */
  readonly destinations?: number | undefined
}
