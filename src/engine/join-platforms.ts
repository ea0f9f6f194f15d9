import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { contentsOf, manifestOf, type Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'

/** The image of one platform at the destination. */
export interface PlatformImage {
  readonly descriptor: Descriptor
  readonly platform: Platform
}

/** Says of a joined index what it was made of, so that a later run need not pull it again to see that nothing has changed. */
const sourceAnnotation = 'io.github.k3s-mirror.source.digest'

/**
 * The index over images of several platforms, in their order, with the same bytes for the same images:
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md `source` is the root that they were pulled from, where it is known.
 */
export function joinPlatforms(images: readonly PlatformImage[], source: Digest | undefined): Manifest {
  const manifests = images.map(({ descriptor: { mediaType, size, digest }, platform: { os, architecture, variant } }) => ({
    mediaType,
    size,
    digest,
    platform: { architecture, os, ...(variant !== undefined && { variant }) },
  }))
  const mediaType = mediaTypes.ociIndex
  const annotations = source === undefined ? {} : { annotations: { [sourceAnnotation]: source } }
  return manifestOf(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests, ...annotations })), mediaType)
}

/** True for an index that was joined from this source for exactly these platforms. */
export function isJoinedFrom(index: Manifest, source: Digest, platforms: readonly Platform[]): boolean {
  const contents = contentsOf(index)
  if (contents.kind !== 'index') return false
  const { annotations } = JSON.parse(Buffer.from(index.bytes).toString('utf8')) as {
    readonly annotations?: Readonly<Record<string, unknown>>
  }
  const has = contents.manifests.map(({ platform }) => (platform === undefined ? '' : formatPlatform(platform)))
  return annotations?.[sourceAnnotation] === source && has.join() === platforms.map(formatPlatform).join()
}
