import { MirrorError } from '../errors.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { formatReference, isRepositoryPath, type Reference, type Repository } from '../oci/reference.ts'

/** Renames a repository path; undefined where it does not apply. */
export type RenameRule = (path: string) => string | undefined

/** How images are named at the destination. */
export interface NamingOptions {
  /** `host[:port]` of the destination; undefined for a destination that keeps the source's registry, as a layout does. */
  readonly registry?: string | undefined
  /** Path to put before every repository; empty for no prefix. */
  readonly prefix?: string | undefined
  /** The first rule that applies renames the repository. */
  readonly rules?: readonly RenameRule[] | undefined
  /** Keep only the last part of the path, after the rules. */
  readonly flatten?: boolean | undefined
}

/** The name of an image at the destination: rules, then flattening, then the prefix. Throws INVALID_REWRITE where the result is not a valid name. */
export function nameDestination(source: Reference, naming: NamingOptions): Reference {
  let { path } = source
  for (const rule of naming.rules ?? []) {
    const renamed = rule(path)
    if (renamed === undefined) continue
    path = renamed
    break
  }
  if (naming.flatten === true) path = path.slice(path.lastIndexOf('/') + 1)
  if (naming.prefix) path = `${naming.prefix}/${path}`
  if (!isRepositoryPath(path)) {
    throw new MirrorError(
      'INVALID_REWRITE',
      `${formatReference(source)} would be named "${path.slice(0, 300)}" at the destination, which is not a valid repository name`,
      {
        hint: 'check options.rewrite and the prefix: repository names are lower case, with at most 255 characters',
      },
    )
  }
  return { ...source, registry: naming.registry ?? source.registry, path }
}

/** An image and its name at the destination. */
export interface NamedImage {
  readonly source: Reference
  readonly destination: Reference
  /** The repository of the destination under which it may have the same content, from when the image had another name. */
  readonly formerly?: Repository | undefined
}

/** The name at the destination: with its tag, or with its digest where it has no tag. */
function shownName({ destination }: NamedImage): string {
  const { digest, ...named } = destination
  return formatReference(named.tag === undefined && digest !== undefined ? { ...named, digest } : named)
}

/** Refuses two sources with different content but one name at the destination, before anything is copied. Throws DESTINATION_COLLISION. */
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
    throw new MirrorError('DESTINATION_COLLISION', `${names} are different images, but would both be named ${name}`, {
      hint: 'use different prefixes, remove options.flatten, change options.rewrite, or exclude one image with options.exclude',
    })
  }
}
