import { open, rename, rm } from 'node:fs/promises'
import { arrangeLayout, blobPath } from '../../src/bundle/bundle-contents.ts'
import { savePath } from '../../src/bundle/docker-save.ts'
import { blockBytes, paddedSize, tarHeader } from '../../src/bundle/tar-map.ts'
import type { Digest } from '../../src/oci/digest.ts'
import type { Manifest } from '../../src/oci/manifest.ts'
import { formatReference, type Reference } from '../../src/oci/reference.ts'
import type { PlatformImage } from './platform-image.ts'

/** Writes an OCI layout as one tar, with the manifest.json that `docker load` reads for the first platform where it knows no index. */
export async function writeArchive(
  file: string,
  { reference, index, images }: { readonly reference: Reference; readonly index: Manifest; readonly images: readonly PlatformImage[] },
): Promise<void> {
  const blobs = new Map<Digest, Buffer>(images.flatMap((image) => [...image.blobs]))
  const contents = {
    manifests: [...images.map(({ manifest }) => manifest), index],
    blobs: images.flatMap(({ config, layers }) => [config, ...layers]),
    foreign: [],
  }
  const layout = arrangeLayout([{ reference, ...index.descriptor }], [contents])
  const saved = images.slice(0, 1).map(({ config, layers }) => {
    return { Config: blobPath(config.digest), RepoTags: [formatReference(reference)], Layers: layers.map(({ digest }) => blobPath(digest)) }
  })
  const files: (readonly [path: string, bytes: Uint8Array])[] = [...layout.files, [savePath, Buffer.from(JSON.stringify(saved))]]
  for (const { digest } of layout.streamed.values()) files.push([blobPath(digest), blobs.get(digest) ?? Buffer.alloc(0)])
  const unfinished = `${file}.part`
  await rm(unfinished, { force: true })
  {
    await using handle = await open(unfinished, 'wx')
    for (const [path, bytes] of files) {
      const size = bytes.length
      for (const part of [tarHeader({ path, size }), bytes, Buffer.alloc(paddedSize(size) - size)]) await handle.writeFile(part)
    }
    await handle.writeFile(Buffer.alloc(2 * blockBytes))
  }
  await rename(unfinished, file)
}
