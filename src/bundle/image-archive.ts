import type { SkippedEntry } from '../layout/name-entries.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import type { BundleBase } from './bundle-base.ts'
import type { BundledImage, BundleRecord } from './bundle-record.ts'

/** What an archive of images was made as: a bundle of ours, another OCI layout, or what `docker save` wrote before Docker 25. */
export type ArchiveFormat = 'bundle' | 'oci-layout' | 'docker-save'

/** A manifest or a blob in an archive. */
export interface ArchivedContent {
  readonly digest: Digest
  readonly path: string
  readonly size: number
}

/** An open archive of images, whatever wrote it: what it names, and its contents by digest. */
export interface ImageArchive extends Pick<ImageSource, 'getManifest' | 'getBlob'>, AsyncDisposable {
  readonly path: string
  readonly format: ArchiveFormat
  /** What a bundle says of itself, and the digest of that. */
  readonly record?: BundleRecord
  readonly digest?: Digest
  /** In the archive's order; one name may stand there more than once. */
  readonly images: readonly BundledImage[]
  /** What is left out because it has no name that a registry could use. */
  readonly skipped: readonly SkippedEntry[]
  /** True where everything below a root was settled when the archive was made: a bundle of ours. */
  readonly isSettled: boolean
  /** True where all that it holds is known once it is open; false for a bundle that is decompressed while it is read. */
  readonly isListed: boolean
  /** True where the archive ends behind a file without the zeros that end one, so that what is missing may have been cut off. */
  readonly lacksEnd?: boolean
  /** What the images need and the archive does not hold, because an earlier one brought it. */
  readonly base?: BundleBase | undefined
  /** Every manifest and blob that it holds, each once, and where. Throws INTEGRITY for a damaged archive. */
  contents(): Promise<readonly ArchivedContent[]>
  /** Bytes of a manifest or a blob; undefined where it is not there. */
  sizeOf(digest: Digest): Promise<number | undefined>
  /** True where every byte of a manifest or a blob is what its digest says. */
  isWhole(digest: Digest, options?: CallOptions): Promise<boolean>
  /** True where it has the manifest or the blob. Throws INTEGRITY for a damaged archive. */
  holds(digest: Digest, options?: CallOptions): Promise<boolean>
  /** Waits until the archive was found to end where it should. Throws INTEGRITY for one that is damaged or was cut off, be it behind its last image. */
  end(): Promise<void>
}
