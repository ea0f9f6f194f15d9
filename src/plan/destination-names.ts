import { MirrorError } from '../errors.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { formatReference, isRepositoryPath, type Reference } from '../oci/reference.ts'

/** Renames a repository path; undefined when it does not apply. */
export type RenameRule = (path: string) => string | undefined

/** How names at the destination are made. */
export interface NamingOptions {
  /** `host[:port]` of the destination; undefined where it keeps the source's name, as a layout does. */
  readonly registry?: string | undefined
  /** Path that every repository is put under; empty for none. */
  readonly prefix?: string | undefined
  /** The first rule that applies renames the repository. */
  readonly rules?: readonly RenameRule[] | undefined
  /** Keep only what follows the last slash of the path, after the rules. */
  readonly flatten?: boolean | undefined
}

/** The name of an image at the destination: rules, then flattening, then the prefix. Throws INVALID_REWRITE when no valid name comes out. */
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
      `${formatReference(source)} would be named "${path.slice(0, 300)}" at the destination, which is no repository name`,
      {
        hint: 'Repository names are lowercase parts separated by "/", 255 characters at most; check options.rewrite and the prefix.',
      },
    )
  }
  return { ...source, registry: naming.registry ?? source.registry, path }
}

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
      hint: 'Mirror them to different prefixes, leave options.flatten out, change options.rewrite, or leave one of them out with options.exclude.',
    })
  }
}
