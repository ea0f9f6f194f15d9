import type { MirrorEvent } from '../../copy/events.ts'
import { RunTally } from '../../report/run-tally.ts'
import { EventLines } from './event-lines.ts'
import { placedEvent } from './placed-event.ts'
import type { RendererOptions } from './renderer.ts'

/** What a renderer shows: the progress of a run, and its lines for people. */
export interface RunView {
  readonly tally: RunTally
  /** True once every destination has ended. */
  readonly isOver: boolean
  /** Takes an event at its time in milliseconds; returns its lines. */
  event(event: MirrorEvent & { readonly to?: string }, now: number): readonly string[]
  /** The names of the images that the event announces. */
  names(event: MirrorEvent & { readonly to?: string }): readonly string[]
  /** The lines that were not printed yet. */
  end(): readonly string[]
}

/** One destination of a run: its own images, failures and amounts. */
class DestinationView {
  readonly #tally = new RunTally()
  readonly #lines: EventLines
  readonly #place: string | undefined

  constructor(options: RendererOptions, place: string | undefined) {
    this.#place = place
    this.#lines = new EventLines(this.#tally, { ...options, place })
  }

  event(event: MirrorEvent, now: number): readonly string[] {
    this.#tally.event(placedEvent(event, this.#place), now)
    return this.#lines.of(event, now)
  }

  end(): readonly string[] {
    return this.#lines.end()
  }
}

/** Shows a run to so many destinations; with several, lines and bars name the destination, and what concerns all of them is shown once. */
export function runView(options: RendererOptions): RunView {
  const { destinations = 1 } = options
  const tally = new RunTally()
  const views = new Map<string | undefined, DestinationView>()
  const shown = new Set<string>()
  let ended = 0
  const placeOf = ({ to }: { readonly to?: string }): string | undefined => (destinations > 1 ? to : undefined)
  /** True for what another destination has reported already. */
  const isRepeated = ({ to: _to, ...event }: MirrorEvent & { readonly to?: string }): boolean => {
    if (destinations === 1 || (event.type !== 'list-read' && event.type !== 'warning')) return false
    const text = JSON.stringify(event)
    return shown.size === shown.add(text).size
  }
  return {
    tally,
    get isOver() {
      return ended === destinations
    },
    event(event, now) {
      const place = placeOf(event)
      tally.event(placedEvent(event, place), now)
      if (event.type === 'run-finished') ended++
      const view = views.get(place) ?? new DestinationView(options, place)
      views.set(place, view)
      return isRepeated(event) ? [] : view.event(event, now)
    },
    names(event) {
      const placed = placedEvent(event, placeOf(event))
      return placed.type === 'run-started' ? placed.images.map(({ image }) => image) : []
    },
    end: () => [...views.values()].flatMap((view) => view.end()),
  }
}
