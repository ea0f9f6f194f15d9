/** Merges many producers, who never wait, into one iterable for one reader, in order; a value with a key replaces the unread one with that key. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #unread: { key: string | undefined; value: T }[] = []
  readonly #keyed = new Map<string, { value: T }>()
  readonly #onLeave: () => void
  #wake: (() => void) | undefined
  #ended = false
  #failure: { readonly error: unknown } | undefined

  /** `onLeave` is called when the reader breaks out of its loop before the end. */
  constructor(onLeave: () => void = () => undefined) {
    this.#onLeave = onLeave
  }

  /** Adds a value. */
  push(value: T, key?: string): void {
    if (this.#ended) return
    const pending = key === undefined ? undefined : this.#keyed.get(key)
    if (pending !== undefined) {
      pending.value = value
      return
    }
    const entry = { key, value }
    if (key !== undefined) this.#keyed.set(key, entry)
    this.#unread.push(entry)
    this.#wake?.()
  }

  /** No more values; the reader's loop ends after the last one, or throws `failure.error` there. */
  end(failure?: { readonly error: unknown }): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const entries = this.#unread.splice(0)
        this.#keyed.clear()
        for (const { value } of entries) yield value
        if (this.#unread.length > 0) continue
        if (this.#ended) break
        await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = undefined
      }
    } finally {
      if (!this.#ended) {
        this.#ended = true
        this.#onLeave()
      }
    }
    if (this.#failure) throw this.#failure.error
  }
}
