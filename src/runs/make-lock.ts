import { MirrorError } from '../errors.ts'
import { lockVersion, type Lock, type LockedImage, type LockedPlatform } from '../lock/lock.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { contentsOf, isPullable } from '../oci/manifest.ts'
import { formatPlatform, parsePlatform } from '../oci/platform.ts'
import { formatReference, withoutPin } from '../oci/reference.ts'
import type { PlanStep } from '../plan/plan.ts'
import type { ImageList } from '../release/image-list.ts'
import type { ContentOptions } from './options.ts'

/** An image that was read for a lock. */
export interface LockedStep extends Pick<PlanStep, 'source' | 'root' | 'platforms' | 'contents'> {
  /** The root at the source. */
  readonly original: Descriptor
}

/** What a lock is made of. */
export interface LockInput extends Pick<ImageList, 'lists' | 'releases'>, Pick<ContentOptions, 'platforms'> {
  readonly sparse?: boolean | undefined
  readonly steps: readonly LockedStep[]
  readonly bundle?: Lock['bundle']
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Makes a lock of the images of a selection. Throws DESTINATION_COLLISION where one name stands for two images. */
export function makeLock({ lists, releases, platforms, sparse, steps, bundle }: LockInput): Lock {
  const images = new Map<string, LockedImage>()
  for (const step of steps) {
    const image = lockStep(step, releases[formatReference(step.source)] ?? [])
    const known = images.get(image.reference)
    if (known !== undefined && known.digest !== image.digest) {
      throw new MirrorError(
        'DESTINATION_COLLISION',
        `${image.reference} is selected with two digests: ${known.digest} and ${image.digest}`,
        { hint: 'remove one of the two from the selection' },
      )
    }
    images.set(image.reference, known === undefined ? image : withReleases(image, [...(known.releases ?? []), ...(image.releases ?? [])]))
  }
  return {
    schemaVersion: lockVersion,
    lists: lists
      .map(({ name, release, channel, sha256, coverage, images: count }) => {
        return {
          name,
          ...(release !== undefined && { release }),
          ...(channel !== undefined && { channel }),
          sha256,
          coverage,
          images: count,
        }
      })
      .toSorted((a, b) => byText(a.name, b.name) || byText(a.sha256, b.sha256)),
    ...(platforms && { platforms: [...new Set(platforms.map((platform) => formatPlatform(parsePlatform(platform))))].toSorted(byText) }),
    ...(sparse === true && { sparse }),
    images: [...images.values()].toSorted((a, b) => byText(a.reference, b.reference)),
    ...(bundle && { bundle }),
  }
}

function withReleases(image: LockedImage, releases: readonly string[]): LockedImage {
  return releases.length === 0 ? image : { ...image, releases: [...new Set(releases)].toSorted(byText) }
}

function lockStep({ source, root, original, platforms, contents }: LockedStep, releases: readonly string[]): LockedImage {
  const sizes = [...contents.blobs, ...contents.manifests.map(({ descriptor }) => descriptor)].map(({ size }) => size)
  const image: LockedImage = {
    reference: formatReference(withoutPin(source)),
    digest: original.digest,
    ...(root.digest !== original.digest && { mirroredDigest: root.digest }),
    mediaType: original.mediaType,
    size: sizes.reduce((sum, size) => sum + size, 0),
    platforms: platformsBelow({ root, platforms, contents }),
  }
  return withReleases(image, releases)
}

/** The images of an index that were read, or the one image that has no index. */
function platformsBelow({ root, platforms, contents }: Pick<LockedStep, 'root' | 'platforms' | 'contents'>): readonly LockedPlatform[] {
  const top = contents.manifests.find(({ descriptor }) => descriptor.digest === root.digest)
  const below = top && contentsOf(top)
  if (below?.kind !== 'index') return platforms.map((platform) => ({ platform, digest: root.digest }))
  const read = new Set(contents.manifests.map(({ descriptor }) => descriptor.digest))
  return below.manifests
    .filter((entry) => isPullable(entry) && read.has(entry.digest))
    .flatMap(({ platform, digest }) => {
      if (platform === undefined) return []
      const { osVersion } = platform
      return [{ platform: formatPlatform(platform), ...(osVersion !== undefined && { osVersion }), digest }]
    })
}
