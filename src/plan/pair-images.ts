import { formatReference, formatRepository, withoutPin, type Reference } from '../oci/reference.ts'

/** An image of one or both sides of a comparison. */
export interface ImagePair<T> {
  readonly a?: T
  readonly b?: T
}

const byVersion = new Intl.Collator('en', { numeric: true })

/** The name by which an image is recognised on both sides; a pin does not count where there is a tag. */
function nameOf(key: Reference): string {
  return formatReference(withoutPin({ ...key, registry: key.registry.toLowerCase() }))
}

/** Tags that differ only in their numbers, as `v1.2-amd64` and `v1.3-amd64`, have the same shape; images without a tag have a shape of their own. */
function shapeOf({ tag }: Reference): string {
  return tag === undefined ? '@' : tag.replace(/[0-9]+/g, '0')
}

function group<T>(images: readonly T[], keyOf: (image: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const image of images) groups.set(keyOf(image), [...(groups.get(keyOf(image)) ?? []), image])
  return groups
}

/** Joins images that only one side has: for each function in turn, an image of `a` and one of `b` for which it gives the same text. The order stays that of `b`, then of `a`. */
export function pairRenamed<T>(
  pairs: readonly ImagePair<T>[],
  identities: readonly ((image: T) => string | undefined)[],
): readonly ImagePair<T>[] {
  const partners = new Map<T, T>()
  const taken = new Set<T>()
  for (const identityOf of identities) {
    const left = new Map<string, T[]>()
    for (const { a, b } of pairs) {
      if (a === undefined || b !== undefined || taken.has(a)) continue
      const identity = identityOf(a)
      if (identity !== undefined) left.set(identity, [...(left.get(identity) ?? []), a])
    }
    for (const { a, b } of pairs) {
      if (b === undefined || a !== undefined || partners.has(b)) continue
      const partner = left.get(identityOf(b) ?? '')?.shift()
      if (partner === undefined) continue
      partners.set(b, partner)
      taken.add(partner)
    }
  }
  return pairs.flatMap((pair) => {
    if (pair.b === undefined) return pair.a !== undefined && taken.has(pair.a) ? [] : [pair]
    const partner = partners.get(pair.b)
    return [partner === undefined ? pair : { a: partner, b: pair.b }]
  })
}

/** Newest tags first. */
function sorted<T>(images: readonly T[], keyOf: (image: T) => Reference): readonly T[] {
  return images.toSorted((x, y) => byVersion.compare(keyOf(y).tag ?? '', keyOf(x).tag ?? ''))
}

/** Pairs images by their names; then, in one repository, the newest remaining tags with each other, tags of the same shape first. The order is that of `b`, then of `a`. */
export function pairImages<T>(a: readonly T[], b: readonly T[], keyOf: (image: T) => Reference): readonly ImagePair<T>[] {
  const partners = new Map<T, T>()
  const named = new Map(a.map((image) => [nameOf(keyOf(image)), image]))
  for (const image of b) {
    const same = named.get(nameOf(keyOf(image)))
    if (same !== undefined) partners.set(image, same)
  }
  const taken = new Set(partners.values())
  const pairRest = (groupOf: (image: T) => string): void => {
    const left = group(
      a.filter((image) => !taken.has(image)),
      groupOf,
    )
    const right = group(
      b.filter((image) => !partners.has(image)),
      groupOf,
    )
    for (const [name, images] of right) {
      const others = sorted(left.get(name) ?? [], keyOf)
      for (const [index, image] of sorted(images, keyOf).entries()) {
        const other = others[index]
        if (other === undefined) break
        partners.set(image, other)
        taken.add(other)
      }
    }
  }
  const repository = (image: T): string => formatRepository(keyOf(image)).toLowerCase()
  pairRest((image) => `${repository(image)} ${shapeOf(keyOf(image))}`)
  // An image without a tag cannot have another tag.
  pairRest((image) => `${repository(image)} ${keyOf(image).tag === undefined ? '@' : ''}`)
  return [
    ...b.map((image): ImagePair<T> => {
      const other = partners.get(image)
      return other === undefined ? { b: image } : { a: other, b: image }
    }),
    ...a.filter((image) => !taken.has(image)).map((image): ImagePair<T> => ({ a: image })),
  ]
}
