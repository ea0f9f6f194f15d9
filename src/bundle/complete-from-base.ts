import pLimit from 'p-limit'
import { MirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { ImageSource } from '../oci/image-source.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { BundleBase, HeldContent } from './bundle-base.ts'
import { DeltaSource } from './delta-source.ts'

/** Where an earlier bundle was pushed to, and under which names. */
export interface BasePlace {
  readonly destination: ImageDestination & ImageSource
  readonly nameAt: (image: Reference) => Reference
  /** Called with each repository that has a blob, so that it can be mounted from there. */
  readonly onHeld: (digest: Digest, repository: Repository) => void
  readonly signal?: AbortSignal | undefined
}

/** Questions at once. */
const jobs = 16

/**
 * The images of bundles that need earlier ones: what they do not hold is taken from the destination, where all of it has to be. Throws NOT_FOUND
 * before anything moves where some of it is not.
 */
export async function completeFromBase(bundle: ImageSource, bases: readonly BundleBase[], place: BasePlace): Promise<ImageSource> {
  const places = new Map<Digest, Repository>()
  for (const base of bases) await findBase(base, place, places)
  return places.size === 0 ? bundle : new DeltaSource(bundle, place.destination, places)
}

async function findBase({ bundle: name, contents }: BundleBase, place: BasePlace, places: Map<Digest, Repository>): Promise<void> {
  const limit = pLimit(jobs)
  const missing: HeldContent[] = []
  await Promise.all(
    contents.map((content) =>
      limit(async () => {
        const repository = place.nameAt(content.image)
        if (!(await isThere(content, repository, place))) return void missing.push(content)
        places.set(content.digest, repository)
        if (!content.isManifest) place.onHeld(content.digest, repository)
      }),
    ),
  )
  if (missing.length > 0) throw refuse(name, contents.length, missing)
}

async function isThere({ digest, size, isManifest }: HeldContent, repository: Repository, place: BasePlace): Promise<boolean> {
  const { destination, signal } = place
  if (!isManifest) return destination.headBlob(repository, { mediaType: 'application/octet-stream', digest, size }, { signal })
  return (await destination.headManifest(atDigest(repository, digest), { signal })) !== undefined
}

function refuse(name: string, total: number, missing: readonly HeldContent[]): MirrorError {
  const images = [...new Set(missing.map(({ image }) => formatReference(image)))].toSorted()
  const shown = images.slice(0, 3).join(', ')
  const more = images.length > 3 ? ` and ${images.length - 3} more` : ''
  return new MirrorError(
    'NOT_FOUND',
    `the destination lacks ${missing.length} of the ${total} manifests and blobs that a bundle made with --since counts on: those of ${shown}${more}; nothing was pushed`,
    {
      side: 'destination',
      hint: `Push the bundle first that this one was made from with --since, or give both files at once, with the same options for names; bundle info tells it by the digest ${name}.`,
    },
  )
}
