import type { ImageDestination } from '../oci/image-destination.ts'
import type { ImageSource } from '../oci/image-source.ts'
import { withoutPin } from '../oci/reference.ts'
import type { NamedImage } from './collisions.ts'
import type { PlanStep } from './plan.ts'
import { readContents, readRoot, type ReadContents, type ReadOptions } from './read-image.ts'

/** What of an image is wanted, and how thoroughly it is compared. */
export interface ResolveOptions extends ReadOptions {
  /** Read an image whose root the destination has already. */
  readonly recheck?: boolean | undefined
}

const nothing: ReadContents = { contents: { manifests: [], blobs: [], foreign: [] }, platforms: [] }

/** Finds out what it takes to have an image at the destination: one HEAD on either side where it is there already; otherwise it is read, once. */
export async function resolveImage(
  image: NamedImage,
  source: ImageSource,
  destination: Pick<ImageDestination, 'headManifest'>,
  options: ResolveOptions = {},
): Promise<PlanStep> {
  const { wanted, sparse = false, recheck = false, signal } = options
  const [found, existing] = await Promise.all([
    source.headManifest(image.source, { signal }),
    destination.headManifest(withoutPin(image.destination), { signal }),
  ])
  const isCarriedWhole = wanted === undefined || sparse
  if (found !== undefined && found.digest === existing?.digest && isCarriedWhole && !recheck) {
    return { ...image, root: found, state: 'present', digestPreserved: true, ...nothing }
  }
  const { root, digestPreserved } = await readRoot(source, image.source, found, options)
  const state = existing === undefined ? 'new' : existing.digest === root.descriptor.digest ? 'present' : 'changed'
  const below = state === 'present' && !recheck ? nothing : await readContents(source, image.source, root, options)
  return { ...image, root: root.descriptor, state, digestPreserved, ...below }
}
