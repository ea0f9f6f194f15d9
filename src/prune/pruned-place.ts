import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import type { Reference, Repository } from '../oci/reference.ts'

/** A registry or a layout that images are removed from. */
export interface PrunedPlace extends Pick<ImageSource, 'headManifest' | 'getManifest' | 'getBlob'>, Pick<ImageDestination, 'putManifest'> {
  /** Every repository; throws where the place does not list them. */
  listRepositories(options?: CallOptions): Promise<readonly Repository[]>
  /** Every tag of a repository; throws NOT_FOUND for an unknown one. */
  listTags(repository: Repository, options?: CallOptions): Promise<readonly string[]>
  /** The digests of the manifests whose subject this is; none where the place does not list them. */
  listReferrers(repository: Repository, subject: Digest, options?: CallOptions): Promise<readonly Digest[]>
  /** Deletes a tag and leaves the manifest; false where the place deletes only manifests. */
  removeTag(reference: Reference, options?: CallOptions): Promise<boolean>
  /** Deletes a manifest and every tag that names it; throws UNSUPPORTED where the place deletes none, or still needs it. */
  removeManifest(repository: Repository, digest: Digest, options?: CallOptions): Promise<void>
}
