import type { JoinedSource } from '../bundle/joined-source.ts'
import { MirrorError } from '../errors.ts'
import type { Reference } from '../oci/reference.ts'
import { imageFilter } from '../release/image-filter.ts'
import type { ArchiveOptions } from './options.ts'

/** What of archives is chosen. */
export interface SelectedImages {
  readonly images: readonly Reference[]
  /** Signatures, attestations, SBOMs and referrers of these images. */
  readonly companions: readonly Reference[]
  readonly warnings: readonly string[]
}

/** Chooses images of archives by globs, and joins what the archives have of each. Throws USAGE where none is left, and as JoinedSource.join does. */
export async function selectArchived(archives: JoinedSource, options: ArchiveOptions, signal: AbortSignal): Promise<SelectedImages> {
  const { images, warnings } = await imageFilter(options)(archives.names(), signal)
  if (images.length === 0) {
    throw new MirrorError(
      'USAGE',
      `no images of ${options.files.join(', ')} are left: options.include and options.exclude drop all of them`,
    )
  }
  const companions = archives.companionsOf(images)
  await archives.join([...images, ...companions], { signal })
  return { images, companions, warnings: [...warnings, ...archives.skipped()] }
}
