import type { Content } from '../async/content.ts'
import type { Descriptor } from './descriptor.ts'
import type { Manifest } from './manifest.ts'
import type { Reference, Repository } from './reference.ts'

/** Options of every call to a place. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** Options of getBlob. */
export interface GetBlobOptions extends CallOptions {
  /** The first byte that is wanted; default 0. */
  readonly offset?: number | undefined
  /** The blob was open before and its stream broke: whoever waits for it holds other slots, so that it is not to queue for one again. */
  readonly isResumed?: boolean | undefined
}

/** A place that images are read from. */
export interface ImageSource {
  /** The root descriptor that a tag or digest names, without reading the manifest where the place can tell; undefined when there is none. */
  headManifest(reference: Reference, options?: CallOptions): Promise<Descriptor | undefined>
  /** The manifest that a tag or digest names, its bytes verified against the digest; throws NOT_FOUND. */
  getManifest(reference: Reference, options?: CallOptions): Promise<Manifest>
  /** A blob's bytes from `offset` on; not verified, that is left to the reader. Throws NOT_FOUND. */
  getBlob(repository: Repository, descriptor: Descriptor, options?: GetBlobOptions): Promise<Content>
  /** The tags of a repository, where the place can tell; throws NOT_FOUND for an unknown repository. */
  listTags?(repository: Repository, options?: CallOptions): Promise<readonly string[]>
}
