import { gunzipSync } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import { readAll } from '../../src/async/content.ts'
import { openImageArchive } from '../../src/bundle/open-image-archive.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { contentsOf } from '../../src/oci/manifest.ts'
import { atDigest } from '../../src/oci/reference.ts'

/** One platform of an image. */
export interface ReadImage {
  readonly platform: string
  readonly config: { readonly config: Readonly<Record<string, unknown>>; readonly rootfs: { readonly diff_ids: readonly string[] } }
  /** From the lowest up. */
  readonly layers: readonly Descriptor[]
}

/** Reads every platform of the one image of an archive. */
export async function readImage(file: string): Promise<readonly ReadImage[]> {
  await using archive = await openImageArchive(file)
  const [root] = archive.images
  if (root === undefined) throw new Error(`${file} has no image`)
  const index = contentsOf(await archive.getManifest(atDigest(root.reference, root.digest)))
  if (index.kind !== 'index') throw new Error(`${file} has no index`)
  const images: ReadImage[] = []
  for (const { digest, platform } of index.manifests) {
    const manifest = contentsOf(await archive.getManifest(atDigest(root.reference, digest)))
    if (manifest.kind !== 'image') throw new Error(`${digest} is not an image`)
    const config = JSON.parse((await readAll(await archive.getBlob(root.reference, manifest.config))).toString()) as ReadImage['config']
    const { layers } = manifest
    images.push({ platform: `${platform?.os}/${platform?.architecture}`, config, layers })
  }
  return images
}

/** The files of layers with their text, as in `etc/passwd root:x:0:0`, in the order of the layers. */
export async function readTexts(file: string, { layers }: ReadImage): Promise<readonly string[]> {
  await using archive = await openImageArchive(file)
  const texts: string[] = []
  const onReadEntry = (entry: ReadEntry): void => {
    const chunks: Buffer[] = []
    entry.on('data', (chunk: Buffer) => chunks.push(chunk))
    entry.on('end', () => {
      if (entry.type === 'File') texts.push(`${entry.path} ${Buffer.concat(chunks).toString()}`)
    })
  }
  for (const layer of layers) {
    const parser = new Parser({ strict: true, onReadEntry })
    const bytes = gunzipSync(await readAll(await archive.getBlob({ registry: '', path: '' }, layer)))
    await new Promise<void>((resolve, reject) => {
      parser.on('end', resolve).on('error', reject)
      parser.end(bytes)
    })
  }
  return texts
}
