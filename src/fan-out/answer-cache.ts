interface Entry<T> {
  readonly answer: Promise<T>
  /** Who has not had the answer yet. */
  readonly waiting: Set<object>
  bytes: number
}

/** Answers that several readers need once each: asked for once, and forgotten when the last reader has had them, or when they take more than so many bytes in all. */
export class AnswerCache<T> {
  readonly #mostBytes: number
  readonly #sizeOf: (answer: T) => number
  readonly #readers = new Set<object>()
  /** Oldest first. */
  readonly #entries = new Map<string, Entry<T>>()
  #bytes = 0

  constructor(mostBytes: number, sizeOf: (answer: T) => number) {
    this.#mostBytes = mostBytes
    this.#sizeOf = sizeOf
  }

  /** Adds a reader, which every answer from now on is kept for. */
  join(reader: object): void {
    this.#readers.add(reader)
  }

  /** Removes a reader: nothing is kept for it any more. */
  leave(reader: object): void {
    this.#readers.delete(reader)
    for (const [key, entry] of this.#entries) this.#hadBy(reader, key, entry)
  }

  /** True where an answer is kept, or under way, that the reader has not had. */
  has(reader: object, key: string): boolean {
    return this.#entries.get(key)?.waiting.has(reader) === true
  }

  /** The answer; a reader that has had it asks anew, as after a failure, and the new answer replaces the old one. */
  get(reader: object, key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key)
    if (known?.waiting.has(reader) === true) {
      this.#hadBy(reader, key, known)
      return known.answer
    }
    if (known !== undefined) this.#forget(key, known)
    const entry: Entry<T> = { answer: ask(), waiting: new Set(this.#readers), bytes: 0 }
    this.#entries.set(key, entry)
    this.#hadBy(reader, key, entry)
    entry.answer.then(
      (answer) => this.#weigh(key, entry, this.#sizeOf(answer)),
      () => this.#forget(key, entry),
    )
    return entry.answer
  }

  #weigh(key: string, entry: Entry<T>, bytes: number): void {
    if (this.#entries.get(key) !== entry) return
    entry.bytes = bytes
    this.#bytes += bytes
    for (const [oldest, old] of this.#entries) {
      if (this.#bytes <= this.#mostBytes) return
      if (old.bytes > 0) this.#forget(oldest, old)
    }
  }

  #hadBy(reader: object, key: string, entry: Entry<T>): void {
    entry.waiting.delete(reader)
    if (entry.waiting.size === 0) this.#forget(key, entry)
  }

  #forget(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) !== entry) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }
}
