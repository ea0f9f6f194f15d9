/** A queue of lanes that take turns, each with lanes of its own, so that one client cannot delay the others. */
export class FairQueue<T> {
  #size = 0
  readonly #capacity: number
  readonly #items: T[] = []
  readonly #lanes = new Map<string, FairQueue<T>>()

  constructor(capacity: number = Infinity) {
    this.#capacity = capacity
  }

  /** Adds an item to a lane of a lane, such as a user at an address; returns the item that a full queue drops. */
  add([key, ...rest]: readonly string[], item: T): T | undefined {
    this.#size++
    if (key === undefined) this.#items.push(item)
    else {
      const lane = this.#lanes.get(key) ?? new FairQueue<T>()
      this.#lanes.set(key, lane)
      lane.add(rest, item)
    }
    return this.#size > this.#capacity ? this.#drop() : undefined
  }

  /** Takes the next item, undefined when the queue is empty, and moves its lane to the end. */
  take(): T | undefined {
    const [first] = this.#lanes
    if (first === undefined) return this.#without(this.#items.shift())
    const [key, lane] = first
    const item = lane.take()
    this.#lanes.delete(key)
    if (lane.#size > 0) this.#lanes.set(key, lane)
    return this.#without(item)
  }

  /** The newest item of the longest lane; the last of several. */
  #drop(): T | undefined {
    let heaviest: readonly [string, FairQueue<T>] | undefined
    for (const entry of this.#lanes) if (heaviest === undefined || entry[1].#size >= heaviest[1].#size) heaviest = entry
    if (heaviest === undefined) return this.#without(this.#items.pop())
    const [key, lane] = heaviest
    const item = lane.#drop()
    if (lane.#size === 0) this.#lanes.delete(key)
    return this.#without(item)
  }

  #without(item: T | undefined): T | undefined {
    if (item !== undefined) this.#size--
    return item
  }
}
