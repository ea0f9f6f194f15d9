import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isAttestation, manifestOf, contentsOf, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, matchesPlatform, type Platform } from '../oci/platform.ts'

/** The entries of an index for the wanted platforms, with the attestations about them. Throws NO_SUCH_PLATFORM when one is not there. */
export function selectEntries(entries: readonly Descriptor[], wanted: readonly Platform[], name: string): readonly Descriptor[] {
  const images = entries.filter((entry) => entry.platform !== undefined && !isAttestation(entry))
  for (const platform of wanted) {
    if (images.some((entry) => entry.platform !== undefined && matchesPlatform(entry.platform, platform))) continue
    const offered = [
      ...new Set(
        images
          .map((entry) => entry.platform)
          .filter((p) => p !== undefined)
          .map(formatPlatform),
      ),
    ]
    throw new MirrorError(
      'NO_SUCH_PLATFORM',
      `${name} has no image for ${formatPlatform(platform)}; it has ${offered.join(', ') || 'none that names its platform'}`,
      { hint: 'Ask for platforms that it has, or --exclude the image.' },
    )
  }
  const kept = new Set(
    images
      .filter(({ platform }) => platform !== undefined && wanted.some((one) => matchesPlatform(platform, one)))
      .map(({ digest }) => digest),
  )
  return entries.filter((entry) =>
    isAttestation(entry)
      ? kept.has((entry.annotations?.['vnd.docker.reference.digest'] ?? '') as Descriptor['digest'])
      : kept.has(entry.digest),
  )
}

/** A new index with only the given entries of the old one, everything else as it was; the same choice gives the same bytes and digest. */
export function subsetIndex(index: Manifest, entries: readonly Descriptor[]): Manifest {
  const document = JSON.parse(Buffer.from(index.bytes).toString('utf8')) as { manifests: readonly { digest: string }[] }
  const kept = new Set<string>(entries.map(({ digest }) => digest))
  const bytes = Buffer.from(JSON.stringify({ ...document, manifests: document.manifests.filter(({ digest }) => kept.has(digest)) }))
  const { mediaType } = contentsOf(index)
  return manifestOf(bytes, mediaType)
}
