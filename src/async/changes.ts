/** Wakes waiting callers when the state they watch changes. */
export class Changes {
  #waiting: (() => void)[] = []

  /** Fulfilled by the next `notify`. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Wakes all waiting callers; each checks the state again, and may wait again. */
  notify(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
