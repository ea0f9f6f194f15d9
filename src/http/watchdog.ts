import type { Connection } from './connection.ts'
import { WireError } from './network-error.ts'

/** Bytes a second below which a transfer counts as stalled. */
const leastRate = 1024

/** Bytes a second at which the slowest registries hash an upload, or copy it to their storage, before they answer. */
const storingRate = 4 * 1024 * 1024

/** Milliseconds that the answer to an upload may take at most, however large it was: what proxies before registries grant. */
const longestAnswer = 15 * 60_000

/** Time-outs within which an answer that is held in memory has to be whole, redirects included. */
const timeoutsForAll = 4

/** Milliseconds that the answer to an upload of so many bytes may take. */
export function answerTimeout(timeout: number, bytes: number): number {
  return Math.max(timeout, Math.min(longestAnswer, timeout + (bytes / storingRate) * 1000))
}

/** A request under watch, and how its connection was when its present silence began. */
export interface Watch {
  /** When the answer has to be whole, by `performance.now()`; undefined where only the rate counts. */
  deadline: number | undefined
  readonly connection: Connection
  since: number
  moved: number
  waiting: Connection['waiting']
}

/** Ends requests whose server is silent, drips, or takes for ever; time in which the other end of a copy is waited for does not count. */
export class Watchdog {
  readonly #timeout: number
  readonly #watches = new Set<Watch>()
  #timer: NodeJS.Timeout | undefined

  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** When an answer that is held in memory has to be whole that is asked for now. */
  deadline(): number {
    return performance.now() + timeoutsForAll * this.#timeout
  }

  /** Watches a connection until `end`. */
  watch(connection: Connection, deadline: number | undefined): Watch {
    const { moved, waiting } = connection
    const watch = { deadline, connection, since: performance.now(), moved, waiting }
    this.#watches.add(watch)
    this.#timer ??= setInterval(() => this.#checkAll(), Math.min(this.#timeout / 4, 5000)).unref()
    return watch
  }

  end(watch: Watch): void {
    this.#watches.delete(watch)
    if (this.#watches.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #checkAll(): void {
    const now = performance.now()
    for (const watch of this.#watches) {
      const waited = now - watch.since
      const why = this.#fault(watch, now)
      if (why === undefined) continue
      if (why !== 'restart') watch.connection.destroy(new WireError('TIMEOUT', why, { waited }))
      else Object.assign(watch, { since: now, moved: watch.connection.moved, waiting: watch.connection.waiting })
    }
  }

  /** Why the connection has to be ended; `restart` where its silence begins now. */
  #fault({ deadline, connection, since, moved, waiting }: Watch, now: number): string | undefined {
    const elapsed = now - since
    const seconds = Math.round(elapsed / 1000)
    if (connection.waiting !== 'nothing' && deadline !== undefined && now > deadline) {
      return `the answer was incomplete after ${Math.round((timeoutsForAll * this.#timeout) / 1000)} s`
    }
    if (connection.waiting === 'nothing' || connection.waiting !== waiting) return 'restart'
    if (elapsed < (waiting === 'answer' ? answerTimeout(this.#timeout, connection.uploaded) : this.#timeout)) return undefined
    if (waiting === 'head' || waiting === 'answer') return `it did not answer within ${seconds} s`
    const bytes = connection.moved - moved
    return bytes >= (elapsed / 1000) * leastRate ? 'restart' : `the transfer stalled: ${bytes} bytes in ${seconds} s`
  }
}
