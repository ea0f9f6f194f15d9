interface Lane<T> {
  count: number
  readonly users: Map<string, T[]>
}

/** Moves a key to the end of the order in which its map is walked. */
function toEnd<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
}

/** The value that weighs most, and its key; of equals the last. */
function heaviest<T>(map: ReadonlyMap<string, T>, weigh: (value: T) => number): readonly [string, T] | undefined {
  let found: readonly [string, T] | undefined
  for (const entry of map) if (found === undefined || weigh(entry[1]) >= weigh(found[1])) found = entry
  return found
}

/** A queue in which addresses take turns, and at each address the user names, so that nobody waits behind all that another has sent. */
export class FairQueue<T> {
  readonly #capacity: number
  readonly #addresses = new Map<string, Lane<T>>()
  #size = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Adds an item; the answer is the item that has to leave because the queue is full: the newest of the address and user with the most. */
  add(address: string, user: string, item: T): T | undefined {
    const lane = this.#addresses.get(address) ?? { count: 0, users: new Map<string, T[]>() }
    const items = lane.users.get(user) ?? []
    items.push(item)
    lane.users.set(user, items)
    lane.count++
    this.#addresses.set(address, lane)
    return ++this.#size > this.#capacity ? this.#drop() : undefined
  }

  /** The item whose turn it is; undefined when none is left. */
  take(): T | undefined {
    const [next] = this.#addresses
    const [first] = next?.[1].users ?? []
    if (next === undefined || first === undefined) return undefined
    const [address, lane] = next
    const [user, items] = first
    const item = items.shift()
    toEnd(this.#addresses, address, lane)
    toEnd(lane.users, user, items)
    this.#forget(address, user)
    return item
  }

  #drop(): T | undefined {
    const [address, lane] = heaviest(this.#addresses, ({ count }) => count) ?? []
    const [user, items] = heaviest(lane?.users ?? new Map<string, T[]>(), ({ length }) => length) ?? []
    if (address === undefined || user === undefined) return undefined
    const item = items?.pop()
    this.#forget(address, user)
    return item
  }

  /** Counts one item less, and drops what is empty. */
  #forget(address: string, user: string): void {
    this.#size--
    const lane = this.#addresses.get(address)
    if (lane === undefined) return
    if (lane.users.get(user)?.length === 0) lane.users.delete(user)
    if (--lane.count === 0) this.#addresses.delete(address)
  }
}
