import { onAbort } from './on-abort.ts'

interface Flight<T> {
  readonly promise: Promise<T>
  readonly controller: AbortController
  waiters: number
}

/** Runs one task at a time per key: callers that ask while it runs share its outcome, and it is aborted once no caller waits for it. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>()

  async run(key: string, task: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    const flight = this.#flights.get(key) ?? this.#start(key, task)
    flight.waiters++
    try {
      return await withSignal(flight.promise, signal)
    } finally {
      flight.waiters--
      if (flight.waiters === 0) {
        this.#forget(key, flight)
        flight.controller.abort(signal?.reason)
      }
    }
  }

  #start(key: string, task: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController()
    const flight: Flight<T> = { promise: task(controller.signal), controller, waiters: 0 }
    this.#flights.set(key, flight)
    void flight.promise.catch(() => undefined).finally(() => this.#forget(key, flight))
    return flight
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }
}

/** The promise's outcome, or the signal's reason when that comes first. */
export async function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  let unheed: (() => void) | undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error)
    if (signal.aborted) stop()
    else unheed = onAbort(signal, stop)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    unheed?.()
  }
}
