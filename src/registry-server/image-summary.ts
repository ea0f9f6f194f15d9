import { readAll } from '../async/content.ts'
import { isMirrorError } from '../errors.ts'
import type { LayoutReader } from '../layout/layout.ts'
import { platformOf } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { contentsOf, isPullable } from '../oci/manifest.ts'
import { isImageType, isIndexType } from '../oci/media-type.ts'
import { formatPlatform } from '../oci/platform.ts'
import type { Repository } from '../oci/reference.ts'

/** What an image is made of, as far as it is here. */
export interface ImageSummary {
  readonly platforms: readonly string[]
  /** Platforms that the index names and the layout does not have. */
  readonly absent: readonly string[]
  /** Sizes in bytes of every manifest and blob, each once. */
  readonly sizes: ReadonlyMap<string, number>
  /** Something could not be read, so that the summary is not whole. */
  readonly isDamaged: boolean
}

const maxDepth = 4
const maxConfigBytes = 4 * 1024 * 1024

async function configPlatform(layout: LayoutReader, { digest, size }: Descriptor): Promise<string | undefined> {
  if (size > maxConfigBytes) return undefined
  const content = await layout.readBlob(digest)
  if (content === undefined) return undefined
  // The configuration of an artifact is anything.
  const platform = platformOf(await readAll(content))
  return platform && formatPlatform(platform)
}

async function addImage(
  layout: LayoutReader,
  repository: Repository,
  root: Descriptor,
  into: MutableSummary,
  depth: number,
): Promise<void> {
  const { registry, path } = repository
  const isKnown = into.manifests.has(root.digest)
  into.manifests.add(root.digest)
  if (isKnown) {
    if (root.platform !== undefined && isPullable(root)) into.platforms.add(formatPlatform(root.platform))
    return
  }
  const manifest = await layout.getManifest({ registry, path, digest: root.digest })
  const contents = contentsOf(manifest)
  into.sizes.set(root.digest, manifest.bytes.length)
  if (contents.kind === 'image') {
    for (const { digest, size } of [contents.config, ...contents.layers]) into.sizes.set(digest, size)
    const platform = root.platform === undefined ? await configPlatform(layout, contents.config) : formatPlatform(root.platform)
    if (platform !== undefined && isPullable(root)) into.platforms.add(platform)
    return
  }
  for (const child of contents.manifests) {
    const isManifest = isIndexType(child.mediaType) || isImageType(child.mediaType)
    const isHere = isManifest ? (await layout.headManifest({ registry, path, digest: child.digest })) !== undefined : true
    if (!isManifest) into.sizes.set(child.digest, child.size)
    else if (isHere && depth < maxDepth) await addImage(layout, repository, child, into, depth + 1)
    else if (!isHere && isPullable(child)) into.absent.add(child.platform === undefined ? 'unknown' : formatPlatform(child.platform))
  }
}

interface MutableSummary {
  /** Those that were read: an index may name one any number of times. */
  readonly manifests: Set<string>
  readonly platforms: Set<string>
  readonly absent: Set<string>
  readonly sizes: Map<string, number>
}

/** Reads an image's manifests, and where no index tells its platform its configuration; what cannot be read makes it damaged and throws nothing. */
export async function summariseImage(layout: LayoutReader, repository: Repository, root: Descriptor): Promise<ImageSummary> {
  const into: MutableSummary = { manifests: new Set(), platforms: new Set(), absent: new Set(), sizes: new Map() }
  let isDamaged = false
  try {
    await addImage(layout, repository, root, into, 0)
  } catch (error) {
    if (!isMirrorError(error)) throw error
    isDamaged = true
  }
  return { platforms: [...into.platforms], absent: [...into.absent], sizes: into.sizes, isDamaged }
}
