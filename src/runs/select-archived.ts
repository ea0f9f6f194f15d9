import type { JoinedSource } from '../bundle/joined-source.ts'
import { MirrorError } from '../errors.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Reference } from '../oci/reference.ts'
import { imageFilter, type ImageFilterOptions } from '../release/image-filter.ts'

/** What of archives is chosen. */
export interface SelectedImages {
  readonly images: readonly Reference[]
  /** Signatures, attestations, SBOMs and referrers of these images. */
  readonly companions: readonly Reference[]
  readonly warnings: readonly string[]
}

/** Chooses images of archives by globs, and joins what the archives have of each. Throws USAGE where none is left, and as JoinedSource.join does. */
export async function selectArchived(
  archives: JoinedSource,
  options: ImageFilterOptions & CallOptions & { readonly files: readonly string[] },
): Promise<SelectedImages> {
  const { files, signal } = options
  const { images, warnings } = await imageFilter(options)(archives.names(), options.signal)
  if (images.length === 0) {
    throw new MirrorError('USAGE', `no image of ${files.join(', ')} is left: --include and --exclude drop all of them`)
  }
  const companions = archives.companionsOf(images)
  await archives.join([...images, ...companions], { signal })
  return { images, companions, warnings: [...warnings, ...archives.skipped()] }
}
