import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isPullable, manifestOf, contentsOf, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, isSamePlatform, pickEntries, type Platform } from '../oci/platform.ts'

/** The entries of an index that nodes of the wanted platforms pull, with entries about those or about no image. Throws NO_SUCH_PLATFORM. */
export function selectEntries(entries: readonly Descriptor[], wanted: readonly Platform[], name: string): readonly Descriptor[] {
  const images = entries.filter((entry) => entry.platform !== undefined && isPullable(entry))
  const kept = new Set<string>()
  for (const platform of wanted) {
    const picked = pickEntries(images, platform)
    for (const { digest } of picked) kept.add(digest)
    if (picked.length > 0) continue
    const offered = [...new Set(images.flatMap((entry) => (entry.platform === undefined ? [] : [formatPlatform(entry.platform)])))]
    throw new MirrorError(
      'NO_SUCH_PLATFORM',
      `${name} has no image for ${formatPlatform(platform)}; available: ${offered.join(', ') || 'no image declares its platform'}`,
      { subject: name, hint: 'choose an available platform with options.platforms, or exclude the image with options.exclude' },
    )
  }
  return entries.filter((entry) => {
    if (isPullable(entry)) return kept.has(entry.digest)
    const about = entry.annotations?.['vnd.docker.reference.digest']
    return about === undefined || kept.has(about)
  })
}

/** A sentence for each wanted platform that falls back to another one, as `linux/arm/v7` to `linux/arm/v6`. */
export function describeFallbacks(
  entries: readonly { readonly platform?: Platform | undefined }[],
  wanted: readonly Platform[],
): readonly string[] {
  return wanted.flatMap((platform) => {
    const [picked] = pickEntries(entries, platform)
    if (picked?.platform === undefined || isSamePlatform({ ...picked.platform, osVersion: '' }, platform)) return []
    return [`no image for ${formatPlatform(platform)}: falls back to ${formatPlatform(picked.platform)}, as containerd does on such a node`]
  })
}

/** A new index with only the given entries of the old one, otherwise unchanged; the same choice gives the same bytes and digest. */
export function subsetIndex(index: Manifest, entries: readonly Descriptor[]): Manifest {
  const document = JSON.parse(Buffer.from(index.bytes).toString('utf8')) as { manifests: readonly { digest: string }[] }
  const kept = new Set<string>(entries.map(({ digest }) => digest))
  const bytes = Buffer.from(JSON.stringify({ ...document, manifests: document.manifests.filter(({ digest }) => kept.has(digest)) }))
  return manifestOf(bytes, contentsOf(index).mediaType)
}
