import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256, type Digest } from '../../src/oci/digest.ts'
import { manifestOf, type Manifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { formatPlatform, type Platform } from '../../src/oci/platform.ts'
import type { BaseImage } from './base-image.ts'
import type { Layer } from './layer.ts'
import { dataDirectory, home, programPath, userId } from './program-layer.ts'

/** What all platforms of the image have in common. */
export interface ImageFacts {
  /** https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
  readonly labels: Readonly<Record<string, string>>
  /** RFC 3339. */
  readonly created: string
}

/** The image of one platform, with everything that its manifest refers to. */
export interface PlatformImage {
  readonly platform: Platform
  readonly manifest: Manifest
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly blobs: ReadonlyMap<Digest, Buffer>
}

function json(document: object): Buffer {
  return Buffer.from(JSON.stringify(document))
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The environment of the base, with the home directory of our user. */
function environmentOn(base: BaseImage | undefined): readonly string[] {
  const own = (base?.config.config?.Env ?? []).filter((line) => !line.startsWith('HOME='))
  return [...(own.some((line) => line.startsWith('PATH=')) ? [] : [`PATH=${path}`]), ...own, `HOME=${home}`]
}

/** Makes config and manifest of layers on top of a base: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md */
export function makePlatformImage(
  platform: Platform,
  own: readonly (Layer & { readonly note: string })[],
  base: BaseImage | undefined,
  { labels, created }: ImageFacts,
): PlatformImage {
  const { os, architecture } = platform
  const history = own.map(({ note }) => ({ created, created_by: note }))
  const configBytes = json({
    created,
    architecture,
    os,
    config: {
      User: `${userId}:${userId}`,
      ExposedPorts: { '5000/tcp': {} },
      Env: environmentOn(base),
      Entrypoint: [programPath],
      WorkingDir: dataDirectory,
      Labels: { ...base?.config.config?.Labels, ...labels },
      StopSignal: 'SIGTERM',
    },
    rootfs: { type: 'layers', diff_ids: [...(base?.config.rootfs.diff_ids ?? []), ...own.map(({ diffId }) => diffId)] },
    history: [...(base?.config.history ?? []), ...history],
  })
  const config = { mediaType: mediaTypes.ociConfig, digest: sha256(configBytes), size: configBytes.length }
  const layers = [
    ...(base?.layers ?? []).map(({ mediaType, digest, size }) => ({ mediaType: ociLayerType(mediaType), digest, size })),
    ...own.map(({ digest, bytes }) => ({ mediaType: gzipLayerType, digest, size: bytes.length })),
  ]
  const bytes = json({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers, annotations: labels })
  const manifest = manifestOf(bytes)
  const blobs = new Map<Digest, Buffer>([
    ...(base?.blobs ?? []),
    ...own.map((layer) => [layer.digest, layer.bytes] as const),
    [config.digest, configBytes],
  ])
  return { platform, manifest: { ...manifest, bytes }, config, layers, blobs }
}

const gzipLayerType = 'application/vnd.oci.image.layer.v1.tar+gzip'

/** Layers of a Docker manifest are the same bytes under another type. */
function ociLayerType(mediaType: string): string {
  return mediaType === 'application/vnd.docker.image.rootfs.diff.tar.gzip' ? gzipLayerType : mediaType
}

/** The index over all platforms: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md */
export function makeIndex(images: readonly PlatformImage[], { labels }: ImageFacts): Manifest {
  const manifests = images.map(({ manifest: { descriptor }, platform: { os, architecture } }) => {
    const { mediaType, digest, size } = descriptor
    return { mediaType, digest, size, platform: { architecture, os } }
  })
  return manifestOf(json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, annotations: labels }))
}

/** Bytes of all that a node of the platform pulls. */
export function pulledBytes({ manifest, config, layers }: PlatformImage): number {
  return [manifest.descriptor, config, ...layers].reduce((sum, { size }) => sum + size, 0)
}

/** `linux/amd64 43.1 MB`, for messages. */
export function describeSize(image: PlatformImage): string {
  return `${formatPlatform(image.platform)} ${(pulledBytes(image) / 1e6).toFixed(1)} MB`
}
