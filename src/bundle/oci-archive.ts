import { MirrorError } from '../errors.ts'
import { imageName, refName } from '../layout/index-entry.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { maxManifestBytes, parseManifest } from '../oci/manifest.ts'
import { formatReference, isTag, parseReference, type Reference } from '../oci/reference.ts'
import type { Archive } from './archive.ts'
import { inFile } from './archived-content.ts'
import { indexPath } from './bundle-layout.ts'
import type { BundledImage } from './bundle-record.ts'
import { ForeignArchive } from './foreign-archive.ts'
import type { TarEntry } from './tar-map.ts'

/** The name of an entry of index.json; undefined for one by which CRI keeps an image's id. */
function nameOf({ annotations = {}, digest }: Descriptor, archive: Archive): Reference | undefined {
  const named = annotations[imageName] ?? annotations[refName] ?? ''
  if (/^sha256:[0-9a-f]{64}$/.test(named)) return undefined
  if (annotations[imageName] === undefined && isTag(named)) {
    throw nameless(archive, `${digest} only by the tag ${named}`)
  }
  if (named === '') throw nameless(archive, `${digest} not at all`)
  return parseReference(named)
}

function nameless({ name }: Archive, how: string): MirrorError {
  return new MirrorError('INVALID_REFERENCE', `${name} names an image ${how}, and not by registry, repository and tag`, {
    hint: 'Write the archive again with the whole name, as in skopeo copy docker://… oci-archive:<file>:docker.io/library/alpine:3.20.',
  })
}

/**
 * Opens an OCI layout in one tar, as `ctr images export`, `docker save` since Docker 25, buildx and skopeo write it; manifests are kept byte for byte.
 * Throws INVALID_MANIFEST, and INVALID_REFERENCE for an image without a whole name.
 */
export async function openOciArchive(archive: Archive, index: TarEntry, options: CallOptions = {}): Promise<ForeignArchive> {
  const bytes = await archive.bytes(index, maxManifestBytes, options)
  const contents = inFile(archive, indexPath, () => parseManifest(bytes))
  if (contents.kind !== 'index') throw new MirrorError('INVALID_MANIFEST', `${indexPath} in ${archive.name} is no image index`)
  const images: BundledImage[] = []
  for (const entry of contents.manifests) {
    const reference = nameOf(entry, archive)
    if (reference === undefined) continue
    const { mediaType, digest, size } = entry
    if (reference.digest !== undefined && reference.digest !== digest) {
      throw new MirrorError('INTEGRITY', `${archive.name} has ${digest} under the name ${formatReference(reference)}`, {
        hint: 'Write the archive again.',
      })
    }
    images.push({ reference, mediaType, digest, size, platforms: [], digestPreserved: true })
  }
  return new ForeignArchive(archive, { images })
}
