import { setTimeout as sleep } from 'node:timers/promises'

/** The time of `watch`, in milliseconds; tests replace it. */
export interface WatchClock {
  now(): number
  /** Resolves after this time, or earlier when the signal is aborted. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** The monotonic time of the process. */
const watchClock: WatchClock = {
  now: () => performance.now(),
  async wait(milliseconds, signal) {
    await sleep(milliseconds, undefined, { signal }).catch(() => undefined)
  },
}

/** What `watch` repeats, and when it ends. */
export interface WatchOptions {
  /** One run; true where everything is in place. */
  readonly run: () => Promise<boolean>
  /** Milliseconds between the starts of two runs; asked after each run. */
  readonly interval: () => number
  readonly signal: AbortSignal
  readonly clock?: WatchClock
}

/** Milliseconds after the first failure; doubled with each further one, up to the interval. */
const firstBackoff = 60_000

/** A loop under way. */
export interface RepeatedRun {
  /** Starts the next run at once, or right after the one in progress. */
  readonly wake: () => void
  /** Resolves when the signal has ended the loop. */
  readonly ended: Promise<void>
}

/** Repeats a run, the first one at once, never two at a time: a run that takes longer than the interval delays the next one. A failed run is repeated earlier. */
export function watch({ run, interval, signal, clock = watchClock }: WatchOptions): RepeatedRun {
  let pause = new AbortController()
  const stop = (): void => pause.abort()
  const repeat = async (): Promise<void> => {
    let failures = 0
    while (!signal.aborted) {
      const started = clock.now()
      failures = (await run()) ? 0 : failures + 1
      const every = interval()
      const due = failures === 0 ? started + every : clock.now() + Math.min(every, firstBackoff * 2 ** (failures - 1))
      if (!signal.aborted && !pause.signal.aborted) await clock.wait(Math.max(0, due - clock.now()), pause.signal)
      pause = new AbortController()
    }
  }
  signal.addEventListener('abort', stop, { once: true })
  return { wake: stop, ended: repeat().finally(() => signal.removeEventListener('abort', stop)) }
}
