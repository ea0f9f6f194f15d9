import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { sha256, type Digest } from '../../src/oci/digest.ts'

/** Files of an archive by their path, in their order. */
export type Files = Record<string, string | Uint8Array>

/** An image that was made up: what a platform's config says, and the bytes of its layers. */
export interface MadeImage {
  readonly tags?: readonly string[]
  readonly architecture?: string
  readonly variant?: string
  readonly layers: readonly Uint8Array[]
}

const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** The config of an image, with what it says of its layers before they are compressed. */
function configOf({ architecture = 'amd64', variant, layers }: MadeImage): Buffer {
  const platform = { os: 'linux', architecture, ...(variant !== undefined && { variant }) }
  return Buffer.from(JSON.stringify({ ...platform, rootfs: { type: 'layers', diff_ids: layers.map(sha256) } }))
}

/** What `docker save` of a classic Engine writes: a config, and a directory for each layer. */
export function dockerSave(...images: readonly MadeImage[]): Files {
  const files: Files = {}
  const list = images.map((image) => {
    const config = configOf(image)
    files[`${hex(config)}.json`] = config
    const layers = image.layers.map((layer) => `${hex(Buffer.from(`v1 ${hex(layer)}`))}/layer.tar`)
    image.layers.forEach((layer, index) => (files[layers[index] ?? ''] = layer))
    return { Config: `${hex(config)}.json`, RepoTags: image.tags ?? null, Layers: layers }
  })
  return { ...files, 'manifest.json': JSON.stringify(list) }
}

/** What an OCI layout is made of. */
export interface MadeLayout {
  readonly files: Files
  readonly manifests: readonly { readonly digest: Digest; readonly size: number; readonly bytes: Buffer }[]
  /** The index over the manifests, with their platforms. */
  readonly index: Buffer
}

const types = { index: 'application/vnd.oci.image.index.v1+json', manifest: 'application/vnd.oci.image.manifest.v1+json' }

/** Blobs and manifests of images as a registry has them, with compressed layers, and an index over them; index.json is for the test to add. */
export function ociLayout(...images: readonly MadeImage[]): MadeLayout {
  const files: Files = { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' }
  const store = (mediaType: string, bytes: Buffer): { readonly mediaType: string; readonly digest: Digest; readonly size: number } => {
    files[`blobs/sha256/${hex(bytes)}`] = bytes
    return { mediaType, digest: sha256(bytes), size: bytes.length }
  }
  const manifests = images.map((image) => {
    const config = store('application/vnd.oci.image.config.v1+json', configOf(image))
    const layers = image.layers.map((layer) => store('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(layer)))
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: types.manifest, config, layers }))
    return { ...store(types.manifest, bytes), bytes }
  })
  const entries = manifests.map(({ bytes: _bytes, ...entry }, at) => ({
    ...entry,
    platform: { os: 'linux', architecture: images[at]?.architecture ?? 'amd64' },
  }))
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests: entries }))
  return { files, manifests, index }
}

/** The index.json of a layout, naming one root by each of the annotations. */
export function indexJson(root: Uint8Array, ...names: readonly Readonly<Record<string, string>>[]): string {
  const isIndex = Buffer.from(root).includes('"manifests"')
  const entry = { mediaType: isIndex ? types.index : types.manifest, digest: sha256(root), size: root.length }
  return JSON.stringify({ schemaVersion: 2, manifests: names.map((annotations) => ({ ...entry, annotations })) })
}
