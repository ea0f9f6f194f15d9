/** What waits in lanes, of which each takes its turn, and in them in further lanes: nobody waits behind all that another has sent. */
export class FairQueue<T> {
  #size = 0
  readonly #capacity: number
  readonly #items: T[] = []
  readonly #lanes = new Map<string, FairQueue<T>>()

  constructor(capacity: number = Infinity) {
    this.#capacity = capacity
  }

  /** Adds an item to a lane of a lane, as to that of a user at an address; the answer is the item that has to leave because the queue is full. */
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

  /** The item whose turn it is, undefined when none is left; its lane goes to the end of the order in which the map is walked. */
  take(): T | undefined {
    const [first] = this.#lanes
    if (first === undefined) return this.#without(this.#items.shift())
    const [key, lane] = first
    const item = lane.take()
    this.#lanes.delete(key)
    if (lane.#size > 0) this.#lanes.set(key, lane)
    return this.#without(item)
  }

  /** The newest item of the lane with the most; of equals the last. */
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
