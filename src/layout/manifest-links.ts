import { isMirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { isForeignLayer, maxManifestBytes, parseManifest, type ManifestContents } from '../oci/manifest.ts'
import type { BlobStore } from './blob-store.ts'
import type { Referrer } from './layout.ts'

/** What a manifest says of other content. */
export interface ManifestLinks {
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
  /** Config and layers that a registry holds; layers that live elsewhere are left out. */
  readonly blobs: readonly Descriptor[]
  /** Layers that live elsewhere, and that a layout may have nevertheless. */
  readonly elsewhere: readonly Descriptor[]
  /** The manifest that this one is about: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md */
  readonly subject?: Digest
  /** What the manifest is, for a list of referrers: its own type, or an image's config type. */
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** Bytes of text that a list of referrers repeats of one manifest at most; the manifest itself has all. */
const maxListedBytes = 64 * 1024

/** The annotations that fit into a list of referrers; longer ones are left out. */
function listedAnnotations(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  let left = maxListedBytes
  const fits = ([key, value]: [string, string]): boolean => {
    if (key.length + value.length > left) return false
    const bytes = Buffer.byteLength(JSON.stringify({ [key]: value }))
    if (bytes > left) return false
    left -= bytes
    return true
  }
  return Object.fromEntries(Object.entries(annotations).filter(fits))
}

/** What a manifest links to, by its contents. */
export function linksOf(contents: ManifestContents): ManifestLinks {
  const { mediaType, annotations } = contents
  const subject = isJsonObject(contents.subject) ? contents.subject['digest'] : undefined
  const artifactType = contents.artifactType ?? (contents.kind === 'image' ? contents.config.mediaType : undefined)
  const layers = contents.kind === 'index' ? [] : contents.layers
  return {
    mediaType,
    manifests: contents.kind === 'index' ? contents.manifests : [],
    blobs: contents.kind === 'index' ? [] : [contents.config, ...layers.filter((layer) => !isForeignLayer(layer))],
    elsewhere: layers.filter((layer) => isForeignLayer(layer)),
    ...(typeof subject === 'string' && isDigest(subject) && { subject }),
    ...(artifactType !== undefined && artifactType.length <= maxListedBytes && { artifactType }),
    ...(annotations !== undefined && { annotations: listedAnnotations(annotations) }),
  }
}

/** The links of a stored manifest; undefined when it is absent or not a manifest. */
export async function storedLinks(blobs: BlobStore, digest: Digest, mediaType?: string): Promise<ManifestLinks | undefined> {
  const bytes = await blobs.readWhole(digest, maxManifestBytes)
  if (bytes === undefined) return undefined
  try {
    return linksOf(parseManifest(bytes, mediaType))
  } catch (error) {
    if (isMirrorError(error) && (error.code === 'INVALID_MANIFEST' || error.code === 'UNSUPPORTED')) return undefined
    throw error
  }
}

/** A manifest in a list of referrers. */
export function referrerOf(descriptor: Descriptor, links: ManifestLinks | undefined): Referrer {
  const { artifactType, annotations } = links ?? {}
  return { ...descriptor, ...(artifactType !== undefined && { artifactType }), ...(annotations !== undefined && { annotations }) }
}
