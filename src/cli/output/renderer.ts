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
