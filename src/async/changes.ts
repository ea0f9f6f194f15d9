/** Lets many wait until something they look at has changed. */
export class Changes {
  #waiting: (() => void)[] = []

  /** Fulfilled by the next `tell`. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Wakes everybody who waits; they look again, and may wait again. */
  tell(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
