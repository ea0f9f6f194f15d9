/** What waits below one key: lanes of further keys, or items. */
class Lane<T> {
  size = 0
  readonly #items: T[] = []
  readonly #lanes = new Map<string, Lane<T>>()

  add([key, ...rest]: readonly string[], item: T): void {
    this.size++
    if (key === undefined) return void this.#items.push(item)
    const lane = this.#lanes.get(key) ?? new Lane<T>()
    this.#lanes.set(key, lane)
    lane.add(rest, item)
  }

  /** The next item; its lane goes to the end of the order in which the map is walked. */
  take(): T | undefined {
    const [first] = this.#lanes
    if (first === undefined) return this.#without(this.#items.shift())
    const [key, lane] = first
    const item = lane.take()
    this.#lanes.delete(key)
    if (lane.size > 0) this.#lanes.set(key, lane)
    return this.#without(item)
  }

  /** The newest item of the lane with the most; of equals the last. */
  drop(): T | undefined {
    let heaviest: readonly [string, Lane<T>] | undefined
    for (const entry of this.#lanes) if (heaviest === undefined || entry[1].size >= heaviest[1].size) heaviest = entry
    if (heaviest === undefined) return this.#without(this.#items.pop())
    const [key, lane] = heaviest
    const item = lane.drop()
    if (lane.size === 0) this.#lanes.delete(key)
    return this.#without(item)
  }

  #without(item: T | undefined): T | undefined {
    if (item !== undefined) this.size--
    return item
  }
}

/** A queue in which addresses take turns, and at each address the user names, so that nobody waits behind all that another has sent. */
export class FairQueue<T> {
  readonly #capacity: number
  readonly #all = new Lane<T>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Adds an item; the answer is the item that has to leave because the queue is full: the newest of the address and user with the most. */
  add(address: string, user: string, item: T): T | undefined {
    this.#all.add([address, user], item)
    return this.#all.size > this.#capacity ? this.#all.drop() : undefined
  }

  /** The item whose turn it is; undefined when none is left. */
  take(): T | undefined {
    return this.#all.take()
  }
}
