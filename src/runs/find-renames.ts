import pLimit from 'p-limit'
import type { Digest } from '../oci/digest.ts'
import { pairRenamed, type ImagePair } from '../plan/pair-images.ts'
import type { ImageComparison, SideImage } from './compare-images.ts'
import type { DiffSide } from './diff-side.ts'

type Pairs = readonly ImagePair<SideImage>[]

/** The last part of the repository, with the tag; undefined for an image without a tag. */
function shortName({ key: { path, tag } }: SideImage): string | undefined {
  return tag && `${path.slice(path.lastIndexOf('/') + 1)}:${tag}`
}

/** Pairs images that were renamed, by digests first and then, where a digest is not known, by the last part of the repository and the tag. */
export function pairRenamedNames(pairs: Pairs): Pairs {
  const digestOf = ({ reference }: SideImage): string | undefined => reference.digest
  const nameOf = (image: SideImage): string | undefined => (digestOf(image) === undefined ? shortName(image) : undefined)
  return pairRenamed(pairs, [...byDigest(digestOf), nameOf])
}

/** Of several images with one digest, those with the same name belong together. */
function byDigest(digestOf: (image: SideImage) => string | undefined): readonly ((image: SideImage) => string | undefined)[] {
  return [
    (image) => {
      const [digest, name] = [digestOf(image), shortName(image)]
      return digest && name && `${digest} ${name}`
    },
    digestOf,
  ]
}

/** Pairs images that both sides have with the same content in different repositories. Registries are asked only where each side has an image that the other lacks. */
export async function pairRenamedImages(
  pairs: Pairs,
  sides: { readonly a: DiffSide; readonly b: DiffSide },
  comparison: Pick<ImageComparison, 'options' | 'isCopy'>,
): Promise<Pairs> {
  const { jobs, signal, wanted } = comparison.options
  const lone = {
    a: pairs.flatMap(({ a, b }) => (a === undefined || b !== undefined ? [] : a)),
    b: pairs.flatMap(({ a, b }) => (b === undefined || a !== undefined ? [] : b)),
  }
  if (lone.a.length === 0 || lone.b.length === 0) return pairs
  const digests = new Map<SideImage, Digest>()
  const limit = pLimit(jobs)
  const ask = async (side: DiffSide, image: SideImage): Promise<void> => {
    // What cannot be asked stays removed, or fails with the reason once it is read.
    const found = await side.place.headManifest(side.nameOf(image.reference), { signal }).catch(() => undefined)
    signal.throwIfAborted()
    if (found !== undefined) digests.set(image, found.digest)
  }
  await Promise.all((['a', 'b'] as const).flatMap((name) => lone[name].map((image) => limit(() => ask(sides[name], image)))))
  const paired = pairRenamed(
    pairs,
    byDigest((image) => digests.get(image)),
  )
  if (wanted === undefined || sides.a.isHeld === sides.b.isHeld) return paired
  // A copy of some platforms has a digest of its own.
  const copies = new Set<SideImage>()
  const check = async ({ a, b }: ImagePair<SideImage>): Promise<void> => {
    if (a === undefined || b === undefined || !lone.b.includes(b) || !(await comparison.isCopy(a, b))) return
    copies.add(a).add(b)
  }
  await Promise.all(pairRenamed(paired, [shortName]).map((pair) => limit(() => check(pair))))
  return pairRenamed(paired, [(image) => (copies.has(image) ? shortName(image) : undefined)])
}
