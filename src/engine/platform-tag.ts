import { createHash } from 'node:crypto'
import { formatPlatform, type Platform } from '../oci/platform.ts'

/** Characters that a tag may have. */
const maxTag = 128

/**
 * The tag under which one platform of a tag is pushed, because an Engine pushes nothing by digest: `1.2_k3s-mirror_linux-amd64`. It is plainly
 * nobody else's, so that it may be taken away afterwards.
 */
export function platformTag(tag: string, platform: Platform): string {
  const ending = `_k3s-mirror_${formatPlatform(platform).replaceAll('/', '-')}`
  if (tag.length + ending.length <= maxTag) return `${tag}${ending}`
  const mark = createHash('sha256').update(tag).digest('hex').slice(0, 12)
  return `${tag.slice(0, maxTag - ending.length - mark.length - 1)}-${mark}${ending}`
}
