import { MirrorError } from '../errors.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { formatReference, type Reference } from '../oci/reference.ts'

/** An image and its name at the destination. */
export interface NamedImage {
  readonly source: Reference
  readonly destination: Reference
}

/** What the destination will show: a tag where there is one. */
function shownName({ destination }: NamedImage): string {
  const { digest, ...named } = destination
  return formatReference(named.tag === undefined && digest !== undefined ? { ...named, digest } : named)
}

/** Refuses two sources that would land on one tag with different content, before anything moves. Throws DESTINATION_COLLISION. */
export async function refuseCollisions(
  images: readonly NamedImage[],
  source: Pick<ImageSource, 'headManifest'>,
  options: CallOptions = {},
): Promise<void> {
  const groups = new Map<string, NamedImage[]>()
  for (const image of images) groups.set(shownName(image), [...(groups.get(shownName(image)) ?? []), image])
  for (const [name, group] of groups) {
    if (group.length < 2) continue
    const digests = await Promise.all(
      group.map(async (image) => image.source.digest ?? (await source.headManifest(image.source, options))?.digest),
    )
    if (new Set(digests).size < 2) continue
    const names = group.map((image) => formatReference(image.source)).join(' and ')
    throw new MirrorError('DESTINATION_COLLISION', `${names} are different images, but would both become ${name}`, {
      hint: 'Mirror them to different prefixes, leave options.flatten out, change options.rewrite, or options.exclude one of them.',
    })
  }
}
