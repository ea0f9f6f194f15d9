import type { Content } from '../async/content.ts'
import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'
import type { CallOptions } from './image-source.ts'
import type { Manifest } from './manifest.ts'
import type { Reference, Repository } from './reference.ts'

/** A place that images are written to. Everything becomes visible whole or not at all. */
export interface ImageDestination {
  /** The root descriptor that a tag or digest names; undefined when there is none. */
  headManifest(reference: Reference, options?: CallOptions): Promise<Descriptor | undefined>
  /** True when the repository has the blob. */
  headBlob(repository: Repository, descriptor: Descriptor, options?: CallOptions): Promise<boolean>
  /** Makes a blob of another repository of the same place visible in this one; false when the place would not, and the blob has to be put. */
  mountBlob?(repository: Repository, digest: Digest, from: Repository, options?: CallOptions): Promise<boolean>
  /**
   * Stores a blob; false where the place refused it because it had it already. `open` is called once the place is ready for the bytes, and again when
   * it asks for them a second time; the content is verified by whoever opens it.
   */
  putBlob(repository: Repository, descriptor: Descriptor, open: () => Promise<Content>, options?: CallOptions): Promise<boolean>
  /** Stores a manifest byte for byte under its digest and, where the reference has a tag, under the tag. */
  putManifest(reference: Reference, manifest: Manifest, options?: CallOptions): Promise<void>
}
