import type { CallOptions } from '../oci/image-source.ts'
import type { Digest } from '../oci/digest.ts'
import { formatReference } from '../oci/reference.ts'
import type { BundleReader } from './bundle-reader.ts'
import type { BundledImage, BundledList } from './bundle-record.ts'
import { neededContents } from './held-content.ts'

/** One image of a bundle as it is told. */
export interface DescribedImage {
  readonly reference: string
  readonly digest: Digest
  readonly platforms: readonly string[]
  readonly digestPreserved: boolean
  /** Bytes of it that the bundle holds, manifests included, each digest once. */
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
  /** What an earlier bundle brings; the images need it and it is not in this one. */
  readonly base?: { readonly bundle: string; readonly blobs: number; readonly bytes: number }
}

/** Works out what a bundle holds, from its record and its manifests; nothing large is read. Throws INTEGRITY for a damaged archive. */
export async function describeBundle(bundle: BundleReader, options: CallOptions = {}): Promise<BundleInfo> {
  const { tool, lists, images, base } = bundle.record
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
    ...(base && {
      base: { bundle: base.bundle, blobs: base.contents.length, bytes: base.contents.reduce((sum, { size }) => sum + size, 0) },
    }),
  }
}

async function sizeOf(bundle: BundleReader, image: BundledImage, options: CallOptions): Promise<number> {
  let bytes = 0
  for (const { digest } of await neededContents(bundle, image, options)) bytes += (await bundle.sizeOf(digest)) ?? 0
  return bytes
}
