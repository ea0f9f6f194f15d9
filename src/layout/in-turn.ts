/** Runs the work on one name in the order in which it was asked for, one at a time; the work on different names runs side by side. */
export class InTurn {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Runs the work once everything asked before for that name is done, whatever became of it. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name)
    const running = before === undefined ? work() : before.then(work, work)
    this.#last.set(name, running)
    try {
      return await running
    } finally {
      if (this.#last.get(name) === running) this.#last.delete(name)
    }
  }
}
