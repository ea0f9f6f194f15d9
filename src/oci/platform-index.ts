import type { Descriptor } from './descriptor.ts'
import { manifestOf, type Manifest } from './manifest.ts'
import { mediaTypes } from './media-type.ts'
import type { Platform } from './platform.ts'

/** The image of one platform: its manifest, and what it runs on. */
export interface PlatformImage {
  readonly descriptor: Descriptor
  readonly platform: Platform
}

/** A new index over images in the order given, the same bytes for the same images. */
export function platformIndex(images: readonly PlatformImage[], annotations?: Readonly<Record<string, string>>): Manifest {
  const manifests = images.map(({ descriptor: { mediaType, size, digest }, platform: { os, architecture, variant, osVersion } }) => ({
    mediaType,
    size,
    digest,
    platform: { architecture, os, ...(osVersion !== undefined && { 'os.version': osVersion }), ...(variant !== undefined && { variant }) },
  }))
  const mediaType = mediaTypes.ociIndex
  const document = { schemaVersion: 2, mediaType, manifests, ...(annotations !== undefined && { annotations }) }
  return manifestOf(Buffer.from(JSON.stringify(document)), mediaType)
}
