import { lockNames } from '../bundle/bundle-lock.ts'
import { MirrorError } from '../errors.ts'
import type { LockedImage } from '../lock/lock.ts'
import { lockedReference } from '../lock/locked-reference.ts'
import { readLockFile, type ReadLock } from '../lock/read-lock-file.ts'
import type { Digest } from '../oci/digest.ts'
import { formatPlatform, parsePlatform } from '../oci/platform.ts'
import { formatReference, withoutPin, type Reference } from '../oci/reference.ts'
import type { ImageList } from '../release/image-list.ts'
import type { ImageSelection, PlacedImages } from '../release/select-images.ts'
import type { ContentOptions } from './options.ts'

/** Options that a lock settles. */
export interface LockedOptions extends Pick<ImageSelection, 'locked'>, Pick<ContentOptions, 'platforms'> {
  readonly sparse?: boolean | undefined
  /** Keeps the original index, as `sparse` does. */
  readonly forImagesDir?: boolean | undefined
}

const mostNamed = 3
const again = 'run k3s-mirror lock again with the same selection'

/** The lock file that a run keeps to. */
export class HeldLock {
  readonly #path: string
  readonly #read: ReadLock
  readonly #byName: ReadonlyMap<string, LockedImage>
  /** The platforms and the kind of index of the images, which the lock decides where it states them. */
  readonly contents: Pick<LockedOptions, 'platforms' | 'sparse'>

  private constructor(path: string, read: ReadLock, contents: HeldLock['contents']) {
    this.#path = path
    this.#read = read
    this.#byName = new Map(read.lock.images.map((image) => [nameOf(lockedReference(image)), image]))
    this.contents = contents
  }

  /** Reads a lock file; `isCheck` where platforms choose what is looked at, and not what is copied. Throws INVALID_LIST, and USAGE for options that contradict it. */
  static async open(path: string, options: LockedOptions, { isCheck = false }: { readonly isCheck?: boolean } = {}): Promise<HeldLock> {
    const read = await readLockFile(path)
    const { platforms: locked, sparse: isSparse = false } = read.lock
    const { platforms, sparse, forImagesDir } = options
    const keepsIndex = sparse === true || forImagesDir === true
    const given = platforms?.map((platform) => formatPlatform(parsePlatform(platform)))
    if (locked === undefined) {
      if (given !== undefined && !keepsIndex && !isCheck) {
        throw new MirrorError('USAGE', `options.platforms would change the digests of ${path}, which has every platform`, {
          hint: `run k3s-mirror lock options.platforms ${given.join(',')}, pass options.sparse too, or remove options.platforms`,
        })
      }
      return new HeldLock(path, read, { platforms, sparse })
    }
    const list = locked.join(',')
    if (given !== undefined && [...new Set(given)].toSorted().join(',') !== list) {
      throw new MirrorError('USAGE', `options.platforms ${given.join(',')} is not what ${path} has: ${list}`, {
        hint: `remove options.platforms, or run k3s-mirror lock options.platforms ${given.join(',')}`,
      })
    }
    if (keepsIndex && !isSparse) {
      const option = sparse === true ? 'options.sparse' : 'options.forImagesDir'
      throw new MirrorError('USAGE', `${option} would change the digests of ${path}`, {
        hint: `run k3s-mirror lock options.platforms ${list} options.sparse, or remove ${option}`,
      })
    }
    return new HeldLock(path, read, { platforms: locked, ...(isSparse && { sparse: true }) })
  }

  /** What messages call it. */
  get path(): string {
    return this.#path
  }

  /** All images of the lock, with their digests. */
  names(): PlacedImages {
    return lockNames(this.#read.lock, this.#read.text, this.#path)
  }

  /** The digest that an image of the lock has at the destination. */
  digestOf(image: Reference): Digest | undefined {
    const locked = this.#byName.get(nameOf(image))
    return locked?.mirroredDigest ?? locked?.digest
  }

  /** A selection with the digests of the lock. Throws INVALID_LIST for images that the lock lacks, and CHECKSUM_MISMATCH for another list of a locked release. */
  apply(list: ImageList): ImageList {
    this.#refuseOtherLists(list)
    const missing: string[] = []
    const images = new Map<string, Reference>()
    const releases = new Map<string, readonly string[]>()
    for (const image of list.images) {
      const locked = this.#byName.get(nameOf(image))
      if (locked === undefined) missing.push(formatReference(image))
      else if (image.digest !== undefined && image.digest !== locked.digest) {
        throw new MirrorError('INVALID_LIST', `${formatReference(image)} has another digest in ${this.#path}: ${locked.digest}`, {
          hint: `${again}, or remove the digest`,
        })
      } else {
        const pinned = lockedReference(locked)
        const name = formatReference(pinned)
        images.set(name, pinned)
        const own = list.releases[formatReference(image)]
        if (own !== undefined) releases.set(name, [...new Set([...(releases.get(name) ?? []), ...own])])
      }
    }
    if (missing.length > 0) {
      const more = missing.length > mostNamed ? ` and ${missing.length - mostNamed} more` : ''
      throw new MirrorError('INVALID_LIST', `${this.#path} does not have ${missing.slice(0, mostNamed).join(', ')}${more}`, {
        hint: `${again}, and review the change`,
      })
    }
    return { ...list, images: [...images.values()], releases: Object.fromEntries(releases) }
  }

  #refuseOtherLists({ lists }: ImageList): void {
    for (const { release, sha256 } of lists) {
      const known = this.#read.lock.lists.filter((one) => one.release !== undefined && one.release === release)
      if (known.length === 0 || known.some((one) => one.sha256 === sha256)) continue
      const expected = known.map((one) => one.sha256).join(' or ')
      throw new MirrorError('CHECKSUM_MISMATCH', `${release}: the image list is not the locked one: expected ${expected}, got ${sha256}`, {
        hint: `compare the two lists; to accept the new one, ${again}`,
      })
    }
  }
}

/** The name that an image has in a lock; registries that differ only in case are the same host. */
function nameOf(image: Reference): string {
  return formatReference({ ...withoutPin(image), registry: image.registry.toLowerCase() })
}
