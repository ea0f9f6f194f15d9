import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import type { Digest } from '../oci/digest.ts'
import type { BundleBase } from './bundle-base.ts'
import type { BundledImage } from './bundle-record.ts'

/** An open archive of images, whatever wrote it: what it names, and its contents by digest. */
export interface ImageArchive extends Pick<ImageSource, 'getManifest' | 'getBlob'>, AsyncDisposable {
  readonly path: string
  /** In the archive's order; one name may stand there more than once. */
  readonly images: readonly BundledImage[]
  /** True where everything below a root was settled when the archive was made: a bundle of ours. */
  readonly isSettled: boolean
  /** What the images need and the archive does not hold, because an earlier one brought it. */
  readonly base?: BundleBase | undefined
  /** True where it has the manifest or the blob. Throws INTEGRITY for a damaged archive. */
  holds(digest: Digest, options?: CallOptions): Promise<boolean>
  /** Waits until the archive was found to end where it should. Throws INTEGRITY for one that is damaged or was cut off, be it behind its last image. */
  end(): Promise<void>
}
