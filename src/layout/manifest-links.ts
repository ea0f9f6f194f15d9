import { isDigest, type Digest } from '../oci/digest.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { isForeignLayer, parseManifest } from '../oci/manifest.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Referrer } from './layout.ts'

/** What a manifest says of other content. */
export interface ManifestLinks {
  readonly mediaType: string
  /** Child manifests of an index. */
  readonly manifests: readonly Descriptor[]
  /** Config and layers that a registry holds; layers that live elsewhere are left out. */
  readonly blobs: readonly Descriptor[]
  /** The manifest that this one is about: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md */
  readonly subject?: Digest
  /** What the manifest is, for a list of referrers: its own type, or an image's config type. */
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** Reads what a manifest links to; throws INVALID_MANIFEST or UNSUPPORTED. */
export function readLinks(bytes: Uint8Array, contentType?: string): ManifestLinks {
  const contents = parseManifest(bytes, contentType)
  const document = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
  const subject = isJsonObject(document['subject']) ? document['subject']['digest'] : undefined
  const own = document['artifactType']
  const artifactType = typeof own === 'string' && own !== '' ? own : contents.kind === 'image' ? contents.config.mediaType : undefined
  const annotations = document['annotations']
  return {
    mediaType: contents.mediaType,
    manifests: contents.kind === 'index' ? contents.manifests : [],
    blobs: contents.kind === 'index' ? [] : [contents.config, ...contents.layers.filter((layer) => !isForeignLayer(layer))],
    ...(typeof subject === 'string' && isDigest(subject) && { subject }),
    ...(artifactType !== undefined && { artifactType }),
    ...(isJsonObject(annotations) && { annotations: annotations as Record<string, string> }),
  }
}

/** A manifest in a list of referrers. */
export function referrerOf(descriptor: Descriptor, links: ManifestLinks | undefined): Referrer {
  const { artifactType, annotations } = links ?? {}
  return { ...descriptor, ...(artifactType !== undefined && { artifactType }), ...(annotations !== undefined && { annotations }) }
}
