import { createHash } from 'node:crypto'
import type { Digest } from '../oci/digest.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { platformIndex, type PlatformImage } from '../oci/platform-index.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'

/** Says of a joined index what it was made of, so that a later run need not pull it again to see that nothing has changed. */
const sourceAnnotation = 'io.github.k3s-mirror.source.digest'

/** Characters that a tag may have. */
const maxTag = 128

/** The index over images of several platforms. `source` is the root that they were pulled from, where it is known. */
export function joinPlatforms(images: readonly PlatformImage[], source: Digest | undefined): Manifest {
  return platformIndex(images, source === undefined ? undefined : { [sourceAnnotation]: source })
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

/** The tag that one platform of a tag is pushed under, because an Engine cannot push by digest: `1.2_k3s-mirror_linux-amd64`, so that it collides with no other tag. */
export function platformTag(tag: string, platform: Platform): string {
  const ending = `_k3s-mirror_${formatPlatform(platform).replaceAll('/', '-')}`
  if (tag.length + ending.length <= maxTag) return `${tag}${ending}`
  const mark = createHash('sha256').update(tag).digest('hex').slice(0, 12)
  return `${tag.slice(0, maxTag - ending.length - mark.length - 1)}-${mark}${ending}`
}
