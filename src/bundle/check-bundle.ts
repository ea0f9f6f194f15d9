import type { CallOptions } from '../oci/image-source.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { formatReference } from '../oci/reference.ts'
import type { BundleReader } from './bundle-reader.ts'
import { neededContents } from './held-content.ts'

/** Something wrong with a bundle: what, and which images need it. */
export interface BundleProblem {
  readonly message: string
  /** Source references. */
  readonly images: readonly string[]
}

/** What a check of a bundle has found. */
export interface BundleCheck {
  /** Blobs and manifests that were read and hashed. */
  readonly blobs: number
  /** Files of a split bundle that were read and compared with the list of them; absent where the file is whole. */
  readonly parts?: number
  readonly bytes: number
  readonly problems: readonly BundleProblem[]
}

/** Reads every byte of a bundle again, and looks for all that its images need, but what an earlier bundle brought and layers that are fetched from their own URLs. */
export async function checkBundle(bundle: BundleReader, options: CallOptions = {}): Promise<BundleCheck> {
  const needers = new Map<Digest, string[]>()
  for (const image of bundle.record.images) {
    for (const { digest } of await neededContents(bundle, image, options)) {
      needers.set(digest, [...(needers.get(digest) ?? []), formatReference(image.reference)])
    }
  }
  const problems: BundleProblem[] = []
  const held = new Set<Digest>()
  let bytes = 0
  for (const { path, size } of await bundle.entries()) {
    const digest = path.startsWith('blobs/') ? path.slice('blobs/'.length).replace('/', ':') : ''
    if (!isDigest(digest)) continue
    held.add(digest)
    bytes += size
    if (await bundle.isWhole(digest, options)) continue
    problems.push({ message: `${path} has other content than its name says`, images: needers.get(digest) ?? [] })
  }
  const elsewhere = new Set(bundle.record.base?.contents.map(({ digest }) => digest))
  for (const [digest, images] of needers)
    if (!held.has(digest) && !elsewhere.has(digest)) problems.push({ message: `${digest} is missing`, images })
  return { blobs: held.size, bytes, problems }
}
