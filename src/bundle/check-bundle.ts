import { contentsOf, isForeignLayer } from '../oci/manifest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isMirrorError } from '../errors.ts'
import { atDigest, formatReference } from '../oci/reference.ts'
import type { BundledImage } from './bundle-record.ts'
import type { BundleReader } from './bundle-reader.ts'

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
  readonly bytes: number
  readonly problems: readonly BundleProblem[]
}

/** The digests that an image needs, itself first; what is missing or no manifest is a problem of `check`. */
async function needsOf(bundle: BundleReader, image: BundledImage, options: CallOptions): Promise<ReadonlySet<Digest>> {
  const needed = new Set<Digest>()
  const visit = async (digest: Digest): Promise<void> => {
    if (needed.has(digest)) return
    needed.add(digest)
    const manifest = await bundle.getManifest(atDigest(image.reference, digest), options).catch((error: unknown) => {
      if (isMirrorError(error)) return undefined
      throw error
    })
    const contents = manifest && contentsOf(manifest)
    if (contents?.kind === 'image') {
      for (const blob of [contents.config, ...contents.layers]) if (!isForeignLayer(blob)) needed.add(blob.digest)
    }
    if (contents?.kind === 'index') for (const child of contents.manifests) await visit(child.digest)
  }
  await visit(image.digest)
  return needed
}

/** Reads every byte of a bundle again, and looks for all that its images need, but layers that are fetched from their own URLs. */
export async function checkBundle(bundle: BundleReader, options: CallOptions = {}): Promise<BundleCheck> {
  const needers = new Map<Digest, string[]>()
  for (const image of bundle.record.images) {
    for (const digest of await needsOf(bundle, image, options)) {
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
  for (const [digest, images] of needers) if (!held.has(digest)) problems.push({ message: `${digest} is missing`, images })
  return { blobs: held.size, bytes, problems }
}
