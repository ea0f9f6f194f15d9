import pLimit, { type LimitFunction } from 'p-limit'

/** At most so many tasks at once, highest priority first: halved when a server refuses more than two thirds of what it is sent, one more with each answer. */
export class AdaptiveLimit {
  readonly #limit: LimitFunction
  readonly #most: number
  readonly #least: number
  /** `admit` gives the waiter a slot, and is fulfilled when the slot is given back. */
  readonly #waiting: { readonly priority: number; readonly admit: () => Promise<void> }[] = []
  #answered = 0
  #refused = 0

  constructor(most: number, least = 1) {
    this.#most = most
    this.#least = Math.min(least, most)
    this.#limit = pLimit(most)
  }

  /** Tasks that may run at once now. */
  get concurrency(): number {
    return this.#limit.concurrency
  }

  /** Waits for a slot; the function it resolves to gives the slot back. */
  acquire(priority = 0): Promise<() => void> {
    return new Promise((resolve) => {
      const admit = (): Promise<void> => new Promise((giveBack) => resolve(giveBack))
      const at = this.#waiting.findIndex((other) => other.priority < priority)
      this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, { priority, admit })
      // The slot goes to the first in the queue, which may be a different caller.
      void this.#limit(() => this.#waiting.shift()?.admit())
    })
  }

  /** Runs the task in a slot of its own. */
  async run<T>(task: () => Promise<T>, priority = 0): Promise<T> {
    const release = await this.acquire(priority)
    try {
      return await task()
    } finally {
      release()
    }
  }

  /** The server did what it was asked. */
  answered(): void {
    // What was long ago says little about the server's load now.
    if (this.#answered++ >= this.#most) {
      this.#answered = Math.floor(this.#answered / 2)
      this.#refused = Math.floor(this.#refused / 2)
    }
    if (this.concurrency < this.#most) this.#limit.concurrency = this.concurrency + 1
  }

  /** The server asked for less. */
  refused(): void {
    this.#refused++
    if (this.#refused < this.#least || this.#refused <= 2 * this.#answered) return
    this.#limit.concurrency = Math.max(this.#least, Math.floor(this.concurrency / 2))
    this.#answered = 0
    this.#refused = 0
  }
}
