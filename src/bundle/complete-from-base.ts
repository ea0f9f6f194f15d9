import pLimit from 'p-limit'
import { MirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { ImageSource } from '../oci/image-source.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import type { BundleBase, HeldContent } from './bundle-record.ts'

/** Where an earlier bundle was pushed to, and under which names. */
export interface BaseDestination {
  readonly destination: ImageDestination & ImageSource
  readonly nameAt: (image: Reference) => Reference
  /** Called with each repository that has a blob, so that it can be mounted from there. */
  readonly onHeld: (digest: Digest, repository: Repository) => void
  readonly signal?: AbortSignal | undefined
}

const questionsAtOnce = 16

/** Bundles together with what they lack at the destination, where all of it has to be. Throws NOT_FOUND before anything moves where it is not. */
export async function completeFromBase(bundle: ImageSource, bases: readonly BundleBase[], base: BaseDestination): Promise<ImageSource> {
  const { destination, nameAt, onHeld, signal } = base
  const repositories = new Map<Digest, Repository>()
  const limit = pLimit(questionsAtOnce)
  const find = async ({ digest, size, isManifest, image }: HeldContent): Promise<boolean> => {
    const repository = nameAt(image)
    const isThere = isManifest
      ? (await destination.headManifest(atDigest(repository, digest), { signal })) !== undefined
      : await destination.headBlob(repository, { mediaType: 'application/octet-stream', digest, size }, { signal })
    if (isThere) repositories.set(digest, repository)
    if (isThere && !isManifest) onHeld(digest, repository)
    return isThere
  }
  for (const { bundle: name, contents } of bases) {
    const found = await Promise.all(contents.map((content) => limit(find, content)))
    const missing = contents.filter((_, index) => found[index] === false)
    if (missing.length > 0) throw refuse(name, contents.length, missing)
  }
  return repositories.size === 0 ? bundle : deltaSource(bundle, destination, repositories)
}

function refuse(name: string, total: number, missing: readonly HeldContent[]): MirrorError {
  const images = [...new Set(missing.map(({ image }) => formatReference(image)))].toSorted()
  const shown = images.slice(0, 3).join(', ')
  const more = images.length > 3 ? ` and ${images.length - 3} more` : ''
  const message = `the destination lacks ${missing.length} of the ${total} manifests and blobs that the bundle expects there (created with options.since): those of ${shown}${more}; nothing was pushed`
  return new MirrorError('NOT_FOUND', message, {
    side: 'destination',
    hint: `push the earlier bundle first (bundle info prints its digest, ${name}), or pass both files, with the same options for names`,
  })
}

function deltaSource(bundle: ImageSource, elsewhere: ImageSource, repositories: ReadonlyMap<Digest, Repository>): ImageSource {
  return {
    headManifest: (reference, options) => bundle.headManifest(reference, options),
    getManifest: async (reference, options) => {
      const digest = reference.digest ?? (await bundle.headManifest(reference, options))?.digest
      const repository = digest && repositories.get(digest)
      if (digest === undefined || repository === undefined) return bundle.getManifest(reference, options)
      return elsewhere.getManifest(atDigest(repository, digest), options)
    },
    getBlob: (repository, descriptor, options) => {
      const other = repositories.get(descriptor.digest)
      return other === undefined ? bundle.getBlob(repository, descriptor, options) : elsewhere.getBlob(other, descriptor, options)
    },
  }
}
