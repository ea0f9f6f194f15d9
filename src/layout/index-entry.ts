import type { Descriptor } from '../oci/descriptor.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { formatReference, type Reference } from '../oci/reference.ts'

/** The annotation that names an image in index.json: https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
export const refName = 'org.opencontainers.image.ref.name'
/** The annotation by which containerd names an image when it imports it. */
export const imageName = 'io.containerd.image.name'

/**
 * What an entry calls a manifest. Readers such as skopeo 1.9 look in index.json for OCI media types alone; what the manifest is, its own
 * `mediaType` says, which stays as it is and is what every reader goes by once it has the bytes.
 */
function entryType(mediaType: string): string {
  if (mediaType === mediaTypes.dockerList) return mediaTypes.ociIndex
  return mediaType === mediaTypes.dockerManifest ? mediaTypes.ociManifest : mediaType
}

/** The entry of a named image in index.json, as one line of JSON. */
export function formatIndexEntry(reference: Reference, { mediaType, digest, size }: Descriptor): string {
  const name = formatReference(reference)
  return JSON.stringify({ mediaType: entryType(mediaType), digest, size, annotations: { [imageName]: name, [refName]: name } })
}
