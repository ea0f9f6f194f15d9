import { createHash } from 'node:crypto'
import { formatReference, formatRepository } from '../oci/reference.ts'
import type { NamedImage } from './destination-names.ts'
import type { Shard, ShardSummary } from './shard.ts'

/** The images of one shard. */
export interface ShardedImages {
  readonly images: readonly NamedImage[]
  readonly shard: ShardSummary
}

/** By code units, as on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * The images of one shard, in the list's order. All images of a destination's repository are in one shard, which therefore is the only one that writes to it.
 * The largest repository goes first, each to the shard with the fewest images; the order of the list and the name of the registry have no influence.
 */
export function shardImages(images: readonly NamedImage[], { index, count }: Shard): ShardedImages {
  const repositories = new Map<string, NamedImage[]>()
  for (const image of images) {
    const name = formatRepository(image.destination)
    const group = repositories.get(name)
    if (group === undefined) repositories.set(name, [image])
    else group.push(image)
  }
  const loads = Array.from({ length: count }, () => 0)
  const own = new Set<string>()
  for (const [name, group] of [...repositories].toSorted((a, b) => b[1].length - a[1].length || compare(a[0], b[0]))) {
    const lightest = loads.indexOf(Math.min(...loads))
    loads[lightest] = (loads[lightest] ?? 0) + group.length
    if (lightest === index - 1) own.add(name)
  }
  const names = images.map(({ source, destination }) => `${formatReference(source)} ${destination.path}\n`)
  const list = createHash('sha256').update(names.toSorted(compare).join('')).digest('hex')
  return {
    images: images.filter(({ destination }) => own.has(formatRepository(destination))),
    shard: { index, count, images: images.length, list },
  }
}
