import type { Connection } from './connection.ts'
import { WireError } from './wire-error.ts'

/** Bytes a second below which a transfer counts as stalled. */
const leastRate = 1024

/** Bytes a second at which the slowest registries hash an upload, or copy it to their storage, before they answer. */
const storingRate = 4 * 1024 * 1024

/** Milliseconds that the answer to an upload may take at most, however large it was: what proxies before registries grant. */
const longestAnswer = 15 * 60_000

/** Time-outs within which an answer that is held in memory has to be whole, redirects included. */
const timeoutsForAll = 4

/** One exchange under watch. */
export interface Watched {
  /** When it has to be over, by `performance.now()`; undefined where only the rate counts. */
  deadline: number | undefined
  /** Ends the watch. */
  end(): void
}

/** Milliseconds that the answer to an upload of so many bytes may take. */
export function answerTimeout(timeout: number, bytes: number): number {
  return Math.max(timeout, Math.min(longestAnswer, timeout + (bytes / storingRate) * 1000))
}

/** A connection, and how it was when its present silence began. */
class Watch implements Watched {
  deadline: number | undefined
  readonly #connection: Connection
  readonly #end: () => void
  #moved = 0
  #since = 0
  #waiting: Connection['waiting'] = 'nothing'

  constructor(connection: Connection, deadline: number | undefined, end: () => void) {
    this.#connection = connection
    this.deadline = deadline
    this.#end = end
    this.#restart(performance.now())
  }

  end(): void {
    this.#end()
  }

  check(now: number, timeout: number): void {
    const { waiting, uploaded } = this.#connection
    const elapsed = now - this.#since
    if (waiting !== 'nothing' && this.deadline !== undefined && now > this.deadline) {
      return this.#destroy(`the answer was not whole within ${Math.round((timeoutsForAll * timeout) / 1000)} s`, elapsed)
    }
    if (waiting === 'nothing' || waiting !== this.#waiting) return this.#restart(now)
    if (elapsed < (waiting === 'answer' ? answerTimeout(timeout, uploaded) : timeout)) return
    if (waiting === 'head' || waiting === 'answer')
      return this.#destroy(`it did not answer within ${Math.round(elapsed / 1000)} s`, elapsed)
    const moved = this.#connection.moved - this.#moved
    if (moved >= (elapsed / 1000) * leastRate) return this.#restart(now)
    this.#destroy(`the transfer stalled: ${moved} bytes in ${Math.round(elapsed / 1000)} s`, elapsed)
  }

  #restart(now: number): void {
    this.#since = now
    this.#moved = this.#connection.moved
    this.#waiting = this.#connection.waiting
  }

  #destroy(why: string, waited: number): void {
    this.#connection.destroy(new WireError('TIMEOUT', why, { waited }))
  }
}

/**
 * Ends exchanges whose server has gone silent, drips, or takes for ever: within every `timeout` milliseconds 1 KiB/s of a body must have moved, and the
 * head of an answer must have come; that to an upload gets a second more for each 4 MiB. Time in which the other end of a copy is waited for does not count.
 */
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

  /** Watches a connection until its watch is ended. */
  watch(connection: Connection, deadline: number | undefined): Watched {
    const watch: Watch = new Watch(connection, deadline, () => {
      this.#watches.delete(watch)
      if (this.#watches.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    })
    this.#watches.add(watch)
    this.#timer ??= setInterval(() => this.#check(), Math.min(this.#timeout / 4, 5000)).unref()
    return watch
  }

  #check(): void {
    const now = performance.now()
    for (const watch of this.#watches) watch.check(now, this.#timeout)
  }
}
