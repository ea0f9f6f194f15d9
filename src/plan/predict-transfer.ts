import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { StepContents } from './plan.ts'

/** An image that is written to a repository of the destination. */
export interface WrittenImage {
  /** Its repository at the destination. */
  readonly repository: string
  /** The repository that a mirror mounts its blobs from where it has them, because the image was there under another name. */
  readonly formerly?: string | undefined
  readonly root: Digest
  readonly contents: StepContents
}

/** A blob of the written images, and whether it has to be sent; each digest once. */
export interface PredictedBlob {
  readonly digest: Digest
  readonly size: number
  /** True where the destination has it in one of the repositories that are written to, or in a former one. */
  readonly isHeld: boolean
  /** The written images that need it, by their position. */
  readonly images: readonly number[]
}

/** What one image adds to a transfer. A blob that several images need counts for the first of them. */
export interface PredictedImage {
  readonly blobs: { readonly total: number; readonly copied: number }
  /** Manifests included. */
  readonly bytes: { readonly total: number; readonly copied: number }
}

/** What writing images to a destination transfers. */
export interface PredictedTransfer {
  /** In the order of the written images. */
  readonly images: readonly PredictedImage[]
  readonly blobs: readonly PredictedBlob[]
  /** Bytes of blobs and manifests, as `totals.bytesCopied` of a mirror report. */
  readonly bytes: number
}

function sizeOf(descriptors: readonly Pick<Descriptor, 'size'>[]): number {
  return descriptors.reduce((total, { size }) => total + size, 0)
}

/**
 * Predicts what a mirror transfers: a blob is sent once, unless a repository that is written to, or a former one of its
 * images, has it; it is mounted into the others.
 * A root is written under each of its tags, its children once in each repository.
 */
export function predictTransfer(
  images: readonly WrittenImage[],
  holds: (repository: string, digest: Digest) => boolean,
): PredictedTransfer {
  const blobs = new Map<Digest, PredictedBlob>()
  for (const [position, { repository, formerly, contents }] of images.entries()) {
    for (const { digest, size } of contents.blobs) {
      const known = blobs.get(digest)
      const isHeld = known?.isHeld === true || holds(repository, digest) || (formerly !== undefined && holds(formerly, digest))
      blobs.set(digest, { digest, size, isHeld, images: [...(known?.images ?? []), position] })
    }
  }
  const written = new Set<string>()
  const predicted = images.map(({ repository, root, contents }, position): PredictedImage => {
    const manifests = contents.manifests.map(({ descriptor }) => descriptor)
    const sentManifests = manifests.filter(({ digest }) => digest === root || !written.has(`${repository} ${digest}`))
    for (const { digest } of manifests) if (digest !== root) written.add(`${repository} ${digest}`)
    const sentBlobs = contents.blobs.filter(({ digest }) => {
      const blob = blobs.get(digest)
      return blob?.isHeld === false && blob.images[0] === position
    })
    return {
      blobs: { total: contents.blobs.length, copied: sentBlobs.length },
      bytes: { total: sizeOf(contents.blobs) + sizeOf(manifests), copied: sizeOf(sentBlobs) + sizeOf(sentManifests) },
    }
  })
  return { images: predicted, blobs: [...blobs.values()], bytes: predicted.reduce((total, { bytes }) => total + bytes.copied, 0) }
}
