import { PassThrough, type Readable } from 'node:stream'
import { contentOf, type ChunkSink, type Content } from '../async/content.ts'
import { imageName, refName } from '../layout/entry-name.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { blobPath, indexPath, layoutVersion } from './bundle-contents.ts'
import { writeChunk } from './compression.ts'
import { savePath } from './docker-save.ts'
import { blockBytes, paddedSize, tarHeader } from './tar-map.ts'

/** An image of one platform, and the tag that it is to have in an Engine. */
export interface LoadableImage {
  readonly reference: Reference
  readonly manifest: Manifest
}

const chunkBytes = 256 * 1024

/** What says what is inside: an OCI layout for Engines that keep images as containerd does, manifest.json for all others. */
function smallFiles({ reference, manifest }: LoadableImage): readonly (readonly [path: string, bytes: Uint8Array])[] {
  const { mediaType, digest, size } = manifest.descriptor
  const name = formatReference(reference)
  const annotations = { [imageName]: name, [refName]: reference.tag ?? 'latest' }
  const contents = contentsOf(manifest)
  const [config, layers] = contents.kind === 'image' ? [contents.config, contents.layers] : [manifest.descriptor, []]
  const saved = [{ Config: blobPath(config.digest), RepoTags: [name], Layers: layers.map((layer) => blobPath(layer.digest)) }]
  return [
    ['oci-layout', Buffer.from(layoutVersion)],
    [indexPath, Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest, size, annotations }] }))],
    [savePath, Buffer.from(JSON.stringify(saved))],
    [blobPath(digest), manifest.bytes],
  ]
}

/** The tar for `docker load` of one image, made while it is read: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageLoad */
export function dockerLoadTar(image: LoadableImage, open: (blob: Descriptor) => Promise<Content>): Readable {
  const out = new PassThrough({ highWaterMark: chunkBytes })
  // The chunk's memory is used again for the next one.
  const sink: ChunkSink = (chunk) => writeChunk(out, Buffer.from(chunk))
  writeTar(image, open, sink).then(
    () => out.end(),
    (error: unknown) => out.destroy(error as Error),
  )
  return out
}

async function writeTar(image: LoadableImage, open: (blob: Descriptor) => Promise<Content>, sink: ChunkSink): Promise<void> {
  const write = async (path: string, { size, read }: Pick<Content, 'size' | 'read'>): Promise<void> => {
    await sink(tarHeader({ path, size }))
    await read(sink)
    await sink(Buffer.alloc(paddedSize(size) - size))
  }
  for (const [path, bytes] of smallFiles(image)) await write(path, contentOf(bytes))
  const contents = contentsOf(image.manifest)
  const blobs = contents.kind === 'image' ? [contents.config, ...contents.layers] : []
  for (const blob of new Map(blobs.map((one) => [one.digest, one])).values()) {
    const { size } = blob
    await write(blobPath(blob.digest), { size, read: async (to) => (await open(blob)).read(to) })
  }
  await sink(Buffer.alloc(2 * blockBytes))
}
