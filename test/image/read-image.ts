import { gunzipSync } from 'node:zlib'
import { Parser, type ReadEntry } from 'tar'
import { readAll } from '../../src/async/content.ts'
import { openImageArchive } from '../../src/bundle/open-image-archive.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { contentsOf } from '../../src/oci/manifest.ts'
import { atDigest } from '../../src/oci/reference.ts'

/** An entry of a layer: its type and mode as in `File 755`, the number of its user, and its bytes. */
export interface UnpackedEntry {
  readonly mode: string
  readonly uid: number
  readonly bytes: Buffer
}

/** One platform of an image. */
export interface ReadImage {
  readonly platform: string
  readonly config: { readonly config: Readonly<Record<string, unknown>>; readonly rootfs: { readonly diff_ids: readonly string[] } }
  /** Compressed, from the lowest up. */
  readonly layers: readonly Buffer[]
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
    const read = async (blob: Descriptor): Promise<Buffer> => readAll(await archive.getBlob(root.reference, blob))
    const config = JSON.parse((await read(manifest.config)).toString()) as ReadImage['config']
    const layers: Buffer[] = []
    for (const layer of manifest.layers) layers.push(await read(layer))
    images.push({ platform: `${platform?.os}/${platform?.architecture}`, config, layers })
  }
  return images
}

/** The entries of compressed layers, by path; what a later layer has counts. */
export async function unpackLayers(layers: readonly Buffer[]): Promise<ReadonlyMap<string, UnpackedEntry>> {
  const entries = new Map<string, UnpackedEntry>()
  const onReadEntry = (entry: ReadEntry): void => {
    const chunks: Buffer[] = []
    entry.on('data', (chunk: Buffer) => chunks.push(chunk))
    entry.on('end', () => {
      const mode = `${entry.type} ${(entry.mode ?? 0).toString(8)}`
      entries.set(entry.path, { mode, uid: entry.uid ?? -1, bytes: Buffer.concat(chunks) })
    })
  }
  for (const layer of layers) {
    const parser = new Parser({ strict: true, onReadEntry })
    await new Promise<void>((resolve, reject) => {
      parser.on('end', resolve).on('error', reject)
      parser.end(gunzipSync(layer))
    })
  }
  return entries
}
