/** Lets any number of additions run together, and a deletion without any: content that an addition has found cannot vanish before it is recorded. */
export class DeletionGate {
  readonly #additions = new Set<Promise<unknown>>()
  #deletion: Promise<unknown> | undefined

  /** Runs an addition; waits for a deletion that is under way. */
  async adding<T>(work: () => Promise<T>): Promise<T> {
    while (this.#deletion !== undefined) await this.#deletion
    const addition = work()
    this.#additions.add(addition)
    try {
      return await addition
    } finally {
      this.#additions.delete(addition)
    }
  }

  /** Runs a deletion once the additions under way are done. */
  async deleting<T>(work: () => Promise<T>): Promise<T> {
    while (this.#deletion !== undefined) await this.#deletion
    const run = Promise.allSettled(this.#additions).then(work)
    const deletion = run.finally(() => (this.#deletion = undefined))
    this.#deletion = deletion.catch(() => undefined)
    return deletion
  }
}
