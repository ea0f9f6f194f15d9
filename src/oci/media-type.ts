/** Media types of the OCI image spec and of Docker's image manifest v2: https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+json',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
} as const

/** Every manifest type that is understood, as one Accept header; schema 1 is asked for only to refuse it by name. */
export const acceptManifests: string = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerList,
  mediaTypes.dockerManifest,
  `${mediaTypes.dockerSchema1Signed};q=0.1`,
  `${mediaTypes.dockerSchema1};q=0.1`,
].join(', ')

/** True for an image index or a Docker manifest list. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerList
}

/** True for an image manifest, OCI or Docker. */
export function isImageType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest
}

/** True for Docker's schema 1, which has no digests of its own to keep. */
export function isSchema1Type(mediaType: string): boolean {
  return mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSchema1Signed
}

/** True for a layer that may not be distributed, or that lives elsewhere: https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#non-distributable-layers */
export function isForeignType(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.') ||
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.')
  )
}
