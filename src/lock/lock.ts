import type { Digest } from '../oci/digest.ts'
import type { ListCoverage } from '../release/image-list.ts'

/** Version of the lock file's format. */
export const lockVersion = 1

/** One platform's image below a root. */
export interface LockedPlatform {
  /** `os/arch[/variant]`. */
  readonly platform: string
  /** Present for Windows, where several images of one platform differ in it. */
  readonly osVersion?: string
  readonly digest: Digest
}

/** One image of a lock. */
export interface LockedImage {
  /** `registry/repository:tag`; with the digest in place of the tag for an image without one. */
  readonly reference: string
  /** Of the root at the source. */
  readonly digest: Digest
  /** Of the root that the destination gets; present where it is an index over the lock's platforms, with its own digest. */
  readonly mirroredDigest?: Digest
  /** Of the root at the source. */
  readonly mediaType: string
  /** Bytes of all manifests and blobs that are copied, each digest once. */
  readonly size: number
  /** The images that are copied, in the order of the index. */
  readonly platforms: readonly LockedPlatform[]
  /** The releases whose lists name the image, sorted; absent without any. */
  readonly releases?: readonly string[]
}

/** A list that images of a lock come from. */
export interface LockedList {
  /** The release tag, path or URL. */
  readonly name: string
  readonly release?: string
  /** The channel that led to the release. */
  readonly channel?: string
  /** Lower-case hex of the list's bytes. */
  readonly sha256: string
  /** What the checksum was compared with when the lock was written. */
  readonly coverage: ListCoverage
  /** References in the list, before filters and merging. */
  readonly images: number
}

/** Content of the bundle that a lock was written with. */
export interface LockedContent {
  readonly digest: Digest
  readonly size: number
  readonly kind: 'manifest' | 'blob'
  /** An image of the bundle that has it. */
  readonly image: string
}

/** A file of the kit that a lock was written with. */
export interface LockedFile {
  /** Where it lies in the kit. */
  readonly path: string
  readonly digest: Digest
  readonly size: number
}

/** What a lock file says: the same images give the same bytes, so it has no times and no versions. */
export interface Lock {
  readonly schemaVersion: 1
  readonly lists: readonly LockedList[]
  /** The chosen platforms, sorted; absent where images are copied whole. */
  readonly platforms?: readonly string[]
  /** True where the original indexes are kept, without the content of other platforms. */
  readonly sparse?: true
  /** In the order of their references. */
  readonly images: readonly LockedImage[]
  /** Present in the lock of a bundle: its digest, and all that a later bundle need not hold. */
  readonly bundle?: {
    readonly digest: Digest
    readonly contents: readonly LockedContent[]
    /** Of a kit, in the order of their paths. */
    readonly files?: readonly LockedFile[]
  }
}

const firstKey = /^(?:schemaVersion|lists|platforms|sparse|images|bundle):(?:\s|$)/

/** True for the beginning of a text that is a lock file: after comments and blank lines, one of its keys. */
export function looksLikeLock(start: string): boolean {
  if (start.replace(/^\uFEFF/, '').startsWith(lockHeader)) return true
  const line = start
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .find((one) => !/^\s*(?:#.*|---\s*)?$/.test(one))
  return line !== undefined && firstKey.test(line)
}

/** How every lock file that this program writes begins. */
export const lockHeader = '# Lock file of k3s-mirror'
