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
  /** The blob is resumed after its stream broke. Its caller holds other slots, so it must not queue for a slot again. */
  readonly isResumed?: boolean | undefined
}

/** A place that images are read from. */
export interface ImageSource {
  /** The root descriptor of a tag or digest, without reading the manifest where the place allows that; undefined if it does not exist. */
  headManifest(reference: Reference, options?: CallOptions): Promise<Descriptor | undefined>
  /** The manifest that a tag or digest names, its bytes verified against the digest; throws NOT_FOUND. */
  getManifest(reference: Reference, options?: CallOptions): Promise<Manifest>
  /** A blob's bytes from `offset` on; not verified, that is left to the reader. Throws NOT_FOUND. */
  getBlob(repository: Repository, descriptor: Descriptor, options?: GetBlobOptions): Promise<Content>
  /** The tags of a repository, where the place can list them; throws NOT_FOUND for an unknown repository. */
  listTags?(repository: Repository, options?: CallOptions): Promise<readonly string[]>
}
