import type { JoinedSource } from './bundle/joined-source.ts'
import { MirrorError } from './errors.ts'
import type { CallOptions } from './oci/image-source.ts'
import { imageFilter, type ImageFilter, type ImageFilterOptions } from './release/image-filter.ts'

/** Chooses images of archives by globs, and joins what the archives have of each. Throws USAGE where none is left, and as JoinedSource.join does. */
export async function selectArchived(
  archives: JoinedSource,
  options: ImageFilterOptions & CallOptions & { readonly files: readonly string[] },
): Promise<ReturnType<ImageFilter>> {
  const { files, signal } = options
  const filtered = imageFilter(options)(archives.names())
  if (filtered.images.length === 0) {
    throw new MirrorError('USAGE', `no image of ${files.join(', ')} is left: --include and --exclude drop all of them`)
  }
  await archives.join(filtered.images, { signal })
  return filtered
}
