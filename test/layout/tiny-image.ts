import { randomBytes } from 'node:crypto'
import type { ChunkSink, Content } from '../../src/async/content.ts'
import type { Layout } from '../../src/layout/layout.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import type { Manifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { putBlob } from '../oci/put-blob.ts'

/** Bytes and what they are called. */
export interface TinyBlob {
  readonly bytes: Uint8Array
  readonly descriptor: Descriptor
}

/** An image made by hand: its blobs, and its manifests with the root last. */
export interface TinyImage {
  readonly blobs: readonly TinyBlob[]
  readonly manifests: readonly Manifest[]
  readonly root: Manifest
}

/** Makes a blob of the bytes. */
export function tinyBlob(bytes: Uint8Array, mediaType = 'application/octet-stream'): TinyBlob {
  return { bytes, descriptor: { mediaType, digest: sha256(bytes), size: bytes.length } }
}

/** Makes a manifest of a document. */
export function tinyManifest(document: { readonly mediaType: string } & Record<string, unknown>): Manifest {
  const bytes = Buffer.from(JSON.stringify(document))
  return { bytes, descriptor: { mediaType: document.mediaType, digest: sha256(bytes), size: bytes.length } }
}

/** Makes an image with one layer. */
export function tinyImage(layer: Uint8Array = randomBytes(600), architecture = 'amd64', extra: Record<string, unknown> = {}): TinyImage {
  const layerBlob = tinyBlob(layer, 'application/vnd.oci.image.layer.v1.tar')
  const rootfs = { type: 'layers', diff_ids: [layerBlob.descriptor.digest] }
  const config = tinyBlob(Buffer.from(JSON.stringify({ architecture, os: 'linux', rootfs })), mediaTypes.ociConfig)
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers: [layerBlob.descriptor],
    ...extra,
  })
  return { blobs: [layerBlob, config], manifests: [root], root }
}

/** Makes an index over an image for each architecture. */
export function tinyIndex(architectures: readonly string[] = ['amd64', 'arm64']): TinyImage {
  const images = architectures.map((architecture) => tinyImage(randomBytes(600), architecture))
  const manifests = images.map(({ root }, at) => ({ ...root.descriptor, platform: { os: 'linux', architecture: architectures[at] } }))
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
  return { blobs: images.flatMap(({ blobs }) => blobs), manifests: [...images.map((image) => image.root), root], root }
}

/** Content over bytes, in chunks that are overwritten once they were taken. */
export function contentOf(bytes: Uint8Array, chunkBytes = 1000): Content {
  const read = async (sink: ChunkSink): Promise<void> => {
    const chunk = new Uint8Array(chunkBytes)
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const part = bytes.subarray(at, at + chunkBytes)
      chunk.set(part)
      await sink(chunk.subarray(0, part.length))
      chunk.fill(0)
    }
  }
  return { size: bytes.length, read, cancel: () => undefined }
}

/** All bytes of content. */
export async function bytesOf(content: Content): Promise<Buffer> {
  const chunks: Buffer[] = []
  await content.read((chunk) => {
    chunks.push(Buffer.from(chunk))
  })
  return Buffer.concat(chunks)
}

/** Stores an image as a copy does: blobs, children by digest, the root by tag. */
export async function storeImage(layout: Layout, name: string, image: TinyImage): Promise<void> {
  const reference = parseReference(name)
  const { registry, path } = reference
  for (const { bytes, descriptor } of image.blobs) await putBlob(layout, reference, descriptor, async () => contentOf(bytes))
  for (const child of image.manifests.slice(0, -1)) await layout.putManifest({ registry, path, digest: child.descriptor.digest }, child)
  await layout.putManifest(reference, image.root)
}
