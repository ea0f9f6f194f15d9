import { createHash } from 'node:crypto'
import type { PulledEngineImage } from '../servers/engine-images.ts'
import type { PushedImage } from '../servers/memory-registry.ts'

/** An image as a classic Engine has it, and as it pushes it. */
export interface DockerImage {
  readonly pulled: Partial<PulledEngineImage>
  readonly pushed: PushedImage
  /** Of the manifest that a push makes. */
  readonly digest: string
}

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** Makes up an image of one platform: the Engine's id for it is the digest of its configuration. */
export function dockerImage(platform = 'linux/amd64'): DockerImage {
  const [os = '', architecture = '', variant] = platform.split('/')
  const layer = Buffer.from(`layer for ${platform}`)
  const config = Buffer.from(JSON.stringify({ os, architecture, variant, rootfs: { type: 'layers', diff_ids: [sha256(layer)] } }))
  const types = 'application/vnd.docker'
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${types}.distribution.manifest.v2+json`,
      config: { mediaType: `${types}.container.image.v1+json`, size: config.length, digest: sha256(config) },
      layers: [{ mediaType: `${types}.image.rootfs.diff.tar.gzip`, size: layer.length, digest: sha256(layer) }],
    }),
  )
  return {
    pulled: { id: sha256(config), os, architecture, ...(variant !== undefined && { variant }), layers: [sha256(layer)], size: 1000 },
    pushed: {
      blobs: [config, layer].map((bytes) => ({ bytes, descriptor: { digest: sha256(bytes) } })),
      manifests: [{ bytes: manifest, descriptor: { digest: sha256(manifest), mediaType: `${types}.distribution.manifest.v2+json` } }],
    },
    digest: sha256(manifest),
  }
}
