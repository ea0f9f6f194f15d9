import { isMirrorError, MirrorError } from '../errors.ts'

/** Failures in a row after which an origin that never answered is given up. */
const mostFailures = 4

/** Milliseconds between the first two failures that count as two, twice as many to the next: requests that run side by side fail at one time. */
const firstGap = 100

/**
 * Whether an origin can be reached, learned from all requests to it. One that never answered is mistyped or down, and given up: the other images need
 * not find that out one by one. One that did is restarting, or the line is down, and gets the patience of a broken connection.
 */
export class Reachability {
  #hasAnswered = false
  #failures = 0
  #countsFrom = 0
  #givenUp: MirrorError | undefined

  /** Throws why the origin was given up, with an infinite `retryAfter`. */
  check(): void {
    if (this.#givenUp !== undefined) throw this.#givenUp
  }

  /** The origin has answered, whatever it was. */
  answered(): void {
    this.#hasAnswered = true
  }

  /** The failure of a request that began at `started`, as it is to be thrown. */
  failed(error: unknown, started: number): unknown {
    if (!isMirrorError(error) || (error.code !== 'UNREACHABLE' && error.code !== 'TIMEOUT')) return error
    const { code, message, hint, cause } = error
    if (this.#hasAnswered) return code === 'TIMEOUT' ? error : new MirrorError('CONNECTION_LOST', message, { hint, cause })
    if (started < this.#countsFrom) return error
    this.#countsFrom = performance.now() + firstGap * 2 ** this.#failures++
    if (this.#failures < mostFailures) return error
    this.#givenUp = new MirrorError(code, message, { hint, cause, retryAfter: Infinity })
    return this.#givenUp
  }
}
