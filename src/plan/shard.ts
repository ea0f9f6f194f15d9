/** The most shards of a list. */
export const mostShards = 1000

/** One of `count` runs that share a list; `index` counts from 1. */
export interface Shard {
  /** Which one, from 1. */
  readonly index: number
  /** How many there are. */
  readonly count: number
}

/** A shard as reports contain it. */
export interface ShardSummary extends Shard {
  /** Images of the whole list. */
  readonly images: number
  /** SHA-256, in lower-case hex, of the whole list with its names at the destination: only shards of the same list complete each other. */
  readonly list: string
}
