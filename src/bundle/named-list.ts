import type { Reference } from '../oci/reference.ts'

/** A list that named images of an archive or a layout come from. */
export interface NamedList {
  /** Path of the archive, or `oci:<directory>`. */
  readonly name: string
  /** Lower-case hex: of the file in the archive that names the images, of a lock file, or of a layout's references, one a line. */
  readonly sha256: string
  /** Present where a bundle holds images of that release. */
  readonly release?: string
  /** The channel that led to the release, in a lock file. */
  readonly channel?: string
  readonly images: number
}

/** The images that an archive, a lock file or a layout names, and warnings about entries without a usable name. */
export interface NamedImages {
  readonly images: readonly Reference[]
  readonly lists: readonly NamedList[]
  /** The releases whose lists name an image, by its full reference; present where the place states it for each image. */
  readonly releases?: ReadonlyMap<string, readonly string[]>
  /** The platforms that a lock file chooses, and whether indexes are kept; absent where images are whole. */
  readonly contents?: { readonly platforms: readonly string[]; readonly sparse: boolean } | undefined
  readonly warnings: readonly string[]
}
