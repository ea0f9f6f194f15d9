/** Lets any number of additions run together, and a deletion only alone: what an addition has found cannot vanish before it is recorded. */
export class DeletionGate {
  #additions = 0
  #deletion: Promise<void> | undefined
  #drained: (() => void) | undefined

  /** Runs an addition; waits for a deletion that is under way. */
  async adding<T>(work: () => Promise<T>): Promise<T> {
    while (this.#deletion !== undefined) await this.#deletion
    this.#additions++
    try {
      return await work()
    } finally {
      this.#additions--
      if (this.#additions === 0) this.#drained?.()
    }
  }

  /** Runs a deletion once the additions under way are done. */
  async deleting<T>(work: () => Promise<T>): Promise<T> {
    while (this.#deletion !== undefined) await this.#deletion
    const { promise, resolve } = withResolvers()
    this.#deletion = promise
    try {
      if (this.#additions > 0) {
        const drained = withResolvers()
        this.#drained = drained.resolve
        await drained.promise
        this.#drained = undefined
      }
      return await work()
    } finally {
      this.#deletion = undefined
      resolve()
    }
  }
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}
