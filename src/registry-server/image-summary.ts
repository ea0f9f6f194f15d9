import { isMirrorError } from '../errors.ts'
import type { LayoutReader } from '../layout/layout.ts'
import { readPlatform } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isPullable } from '../oci/manifest.ts'
import { isImageType, isIndexType } from '../oci/media-type.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import { atDigest, type Repository } from '../oci/reference.ts'
import { maxNesting, referencesOf, walkImage } from '../oci/walk.ts'

/** The platforms and sizes of an image, as far as the layout has it. */
export interface ImageSummary {
  readonly platforms: readonly string[]
  /** Platforms of the index that the layout lacks. */
  readonly absent: readonly string[]
  /** Sizes in bytes of every manifest and blob, each once. */
  readonly sizes: ReadonlyMap<string, number>
  /** Some content could not be read, so the summary is incomplete. */
  readonly isDamaged: boolean
}

/** Reads the manifests of an image, and its configuration if no index states the platform. Unreadable content marks the summary as damaged. */
export async function summariseImage(layout: LayoutReader, repository: Repository, root: Descriptor): Promise<ImageSummary> {
  const platforms = new Set<string>()
  const absent = new Set<string>()
  const sizes = new Map<string, number>()
  const add = (platform: Platform | undefined): void => void (platform && platforms.add(formatPlatform(platform)))
  const walk = walkImage(root, {
    async read({ digest }) {
      const manifest = await layout.getManifest(atDigest(repository, digest))
      sizes.set(digest, manifest.bytes.length)
      return manifest
    },
    async choose(entries, depth) {
      // One level more than a mirror allows: a push accepts any.
      if (depth > maxNesting) return []
      const here: Descriptor[] = []
      for (const entry of entries) {
        const { mediaType, digest, size, platform } = entry
        if (!isIndexType(mediaType) && !isImageType(mediaType)) sizes.set(digest, size)
        else if ((await layout.headManifest(atDigest(repository, digest))) === undefined) {
          if (isPullable(entry)) absent.add(platform === undefined ? 'unknown' : formatPlatform(platform))
        } else {
          here.push(entry)
          if (isPullable(entry) && !isIndexType(mediaType)) add(platform)
        }
      }
      return here
    },
    async visit({ entry, contents }) {
      if (contents.kind === 'index') return
      for (const { digest, size } of referencesOf(contents)) sizes.set(digest, size)
      const { config } = contents
      const isKnown = entry.platform !== undefined || !isPullable(entry)
      // The configuration of an artifact has any form, and that of an image may be absent.
      if (!isKnown && (await layout.blobSize(config.digest)) !== undefined) add(await readPlatform(layout, repository, config))
    },
  })
  const isDamaged = await walk.then(
    () => false,
    (error: unknown) => isMirrorError(error) || Promise.reject(error),
  )
  return { platforms: [...platforms], absent: [...absent], sizes, isDamaged }
}
