import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Platform } from '../oci/platform.ts'
import type { CheckedEndpoint } from './checked-endpoint.ts'
import type { ExpectedDigest } from './expected-digest.ts'

/** One image, and everybody it may be had from. */
export interface SoughtImage {
  /** What messages call it. */
  readonly name: string
  /** What is asked for: the digest where there is one. */
  readonly root: { readonly tag?: string; readonly digest?: Digest }
  /** In the order in which a node asks them; for a destination, it alone. */
  readonly endpoints: readonly CheckedEndpoint[]
  /** What it ought to be; nothing is compared where this is empty. */
  readonly expected: readonly ExpectedDigest[]
}

/** How an image is looked at. */
export interface VerifyImageOptions extends CallOptions {
  /** Default: every platform that its index names. */
  readonly platforms?: readonly Platform[] | undefined
  /** Foreign layers were copied too. */
  readonly foreignLayers?: boolean | undefined
  /** Read and hash every blob. */
  readonly deep?: boolean | undefined
}
