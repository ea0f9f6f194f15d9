import { setTimeout as sleep } from 'node:timers/promises'

/** Timers that are set for longer fire at once. */
const longestTimer = 2 ** 31 - 1

/** A gate for all requests to one server: closed for as long as the server asked clients to wait. */
export class ThrottleGate {
  #opensAt = 0

  /** Closes the gate for so many milliseconds, or leaves it closed for longer; true when this call closed it. */
  close(delay: number): boolean {
    const now = performance.now()
    const wasOpen = this.#opensAt <= now
    this.#opensAt = Math.max(this.#opensAt, now + delay)
    return wasOpen
  }

  /** Waits until the gate is open. */
  async pass(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const wait = this.#opensAt - performance.now()
      if (wait <= 0) return
      await sleep(Math.min(Math.ceil(wait), longestTimer), undefined, { signal })
    }
  }
}
