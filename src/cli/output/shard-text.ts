import type { ShardSummary } from '../../plan/shard.ts'
import { formatCount } from './format-amount.ts'

/** The part that a run had of its list, as lines: `shard 2 of 4: 250 of 1000 images`; none for a whole list. */
export function shardLines(shard: ShardSummary | undefined, images: number): readonly string[] {
  return shard === undefined ? [] : [`shard ${shard.index} of ${shard.count}: ${images} of ${formatCount(shard.images, 'image')}`]
}
