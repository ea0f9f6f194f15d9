import type { Descriptor } from '../oci/descriptor.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { contentsOf, isPullable, type Manifest } from '../oci/manifest.ts'
import { formatPlatform } from '../oci/platform.ts'
import { atDigest, type Reference } from '../oci/reference.ts'

/** The parts of a destination that are asked for the root of an image. */
export type AskedDestination = Pick<ImageDestination, 'headManifest' | 'findManifest'> & Partial<Pick<ImageSource, 'getManifest'>>

/** The platforms that an index lists, without attestations; empty for an image without an index, whose platform only its config declares. */
export function listedPlatforms(root: Manifest): readonly string[] {
  const contents = contentsOf(root)
  if (contents.kind === 'image') return []
  const platforms = contents.manifests
    .filter(isPullable)
    .flatMap(({ platform }) => (platform === undefined ? [] : formatPlatform(platform)))
  return [...new Set(platforms)]
}

/** The root of an image at a destination, and the platforms that it lists, where they were asked for. */
export interface ExistingRoot {
  readonly descriptor: Descriptor
  readonly platforms: readonly string[]
}

/** The root that a tag of the destination names, if any, with `describe` also the platforms that it lists: by a GET in place of the HEAD, not one more request. */
export async function existingRoot(
  destination: AskedDestination,
  reference: Reference,
  { describe = false, signal }: CallOptions & { readonly describe?: boolean | undefined } = {},
): Promise<ExistingRoot | undefined> {
  if (describe && destination.findManifest !== undefined) {
    const found = await destination.findManifest(reference, { signal })
    return found && { descriptor: found.descriptor, platforms: found.manifest === undefined ? [] : listedPlatforms(found.manifest) }
  }
  const descriptor = await destination.headManifest(reference, { signal })
  if (descriptor === undefined) return undefined
  // A layout is read from the disk.
  const manifest = describe ? await destination.getManifest?.(atDigest(reference, descriptor.digest), { signal }) : undefined
  return { descriptor, platforms: manifest === undefined ? [] : listedPlatforms(manifest) }
}
