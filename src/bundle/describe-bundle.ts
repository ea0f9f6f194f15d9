import { contentsOf, isForeignLayer } from '../oci/manifest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Digest } from '../oci/digest.ts'
import { atDigest, formatReference } from '../oci/reference.ts'
import type { BundleReader } from './bundle-reader.ts'
import type { BundledImage, BundledList } from './bundle-record.ts'

/** One image of a bundle as it is told. */
export interface DescribedImage {
  readonly reference: string
  readonly digest: Digest
  readonly platforms: readonly string[]
  readonly digestPreserved: boolean
  /** Bytes below its root, manifests included, each digest once. */
  readonly size: number
}

/** What `bundle info --output json` prints. */
export interface BundleInfo {
  readonly schemaVersion: 1
  readonly command: 'bundle info'
  readonly file: string
  readonly tool: string
  readonly lists: readonly BundledList[]
  readonly images: readonly DescribedImage[]
  /** Manifests and blobs, each once. */
  readonly blobs: number
  readonly bytes: number
}

/** Works out what a bundle holds, from its record and its manifests; nothing large is read. Throws INTEGRITY for a damaged manifest. */
export async function describeBundle(bundle: BundleReader, options: CallOptions = {}): Promise<BundleInfo> {
  const { tool, lists, images } = bundle.record
  const described: DescribedImage[] = []
  for (const image of images) {
    const { reference, digest, platforms, digestPreserved } = image
    described.push({
      reference: formatReference(reference),
      digest,
      platforms,
      digestPreserved,
      size: await sizeOf(bundle, image, options),
    })
  }
  const held = (await bundle.entries()).filter(({ path }) => path.startsWith('blobs/'))
  return {
    schemaVersion: 1,
    command: 'bundle info',
    file: bundle.path,
    tool,
    lists,
    images: described,
    blobs: held.length,
    bytes: held.reduce((sum, { size }) => sum + size, 0),
  }
}

async function sizeOf(bundle: BundleReader, image: BundledImage, options: CallOptions): Promise<number> {
  const sizes = new Map<Digest, number>()
  const visit = async (digest: Digest): Promise<void> => {
    if (sizes.has(digest)) return
    const manifest = await bundle.getManifest(atDigest(image.reference, digest), options)
    sizes.set(digest, manifest.descriptor.size)
    const contents = contentsOf(manifest)
    if (contents.kind === 'index') for (const child of contents.manifests) await visit(child.digest)
    else for (const blob of [contents.config, ...contents.layers]) if (!isForeignLayer(blob)) sizes.set(blob.digest, blob.size)
  }
  await visit(image.digest)
  return [...sizes.values()].reduce((sum, size) => sum + size, 0)
}
