import type { Connection } from './connection.ts'
import { WireError } from './wire-error.ts'

/** Milliseconds that the answer to a finished upload may take: a registry may hash or move a large blob before it answers. */
const answerTimeout = 15 * 60_000

/** Bytes a second below which a transfer counts as stalled. */
const leastRate = 1024

interface Watched {
  moved: number
  since: number
  waiting: Connection['waiting']
}

/**
 * Ends connections whose server has gone silent or drips: within every `timeout` milliseconds 1 KiB/s must have moved, and
 * the head of an answer must have come. Time in which the other end of a copy is waited for does not count.
 */
export class Watchdog {
  readonly #timeout: number
  readonly #watched = new Map<Connection, Watched>()
  #timer: NodeJS.Timeout | undefined

  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** Watches a connection until the returned function is called. */
  watch(connection: Connection): () => void {
    this.#watched.set(connection, { moved: connection.moved, since: performance.now(), waiting: connection.waiting })
    this.#timer ??= setInterval(() => this.#check(), Math.min(this.#timeout / 4, 5000)).unref()
    return () => {
      this.#watched.delete(connection)
      if (this.#watched.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #check(): void {
    const now = performance.now()
    for (const [connection, watched] of this.#watched) {
      const isStreaming = connection.waiting === 'body' || connection.waiting === 'write'
      const limit = connection.waiting === 'answer' ? Math.max(answerTimeout, this.#timeout) : this.#timeout
      const elapsed = now - watched.since
      const moved = connection.moved - watched.moved
      const restart = connection.waiting === 'nothing' || connection.waiting !== watched.waiting
      if (!restart && elapsed < limit) continue
      if (!restart && (!isStreaming || moved < (elapsed / 1000) * leastRate)) {
        connection.destroy(
          new WireError(
            'TIMEOUT',
            isStreaming ? `the transfer stalled: ${moved} bytes in ${Math.round(elapsed / 1000)} s` : 'it did not answer in time',
          ),
        )
        continue
      }
      this.#watched.set(connection, { moved: connection.moved, since: now, waiting: connection.waiting })
    }
  }
}
