import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { RepositoryChoice, TagChoice } from './choose-tags.ts'
import type { PrunedPlace } from './pruned-place.ts'
import { reachedFrom } from './read-repository.ts'

/** A manifest that goes with all its tags. */
export interface RemovedImage {
  readonly digest: Digest
  readonly tags: readonly TagChoice[]
  /** What nothing kept reaches, below the image and about it, in the order of removal. */
  readonly below: readonly Digest[]
}

/** What is removed from a repository. */
export interface RemovalPlan {
  readonly choice: RepositoryChoice
  readonly images: readonly RemovedImage[]
}

/** Groups the tags that go by their manifests, and looks up the signatures, attestations and SBOMs of these. */
export async function planRemoval(place: PrunedPlace, choice: RepositoryChoice, options: CallOptions = {}): Promise<RemovalPlan> {
  const { stored, tags, needed } = choice
  const byDigest = new Map<Digest, TagChoice[]>()
  for (const tag of tags) {
    if (tag.action !== 'remove' || tag.digest === undefined) continue
    byDigest.set(tag.digest, [...(byDigest.get(tag.digest) ?? []), tag])
  }
  const images = await Promise.all(
    [...byDigest].map(async ([digest, named]): Promise<RemovedImage> => {
      const gone = new Set<Digest>()
      const left: Digest[] = [digest]
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        if (gone.has(next) || needed.has(next)) continue
        gone.add(next)
        left.push(...reachedFrom(stored, [next]), ...(await place.listReferrers(stored.repository, next, options)))
      }
      gone.delete(digest)
      return { digest, tags: named, below: [...gone] }
    }),
  )
  return { choice, images }
}
