import type { RunEnds } from '../connect/destination.ts'
import { isMirrorError } from '../errors.ts'
import { formatReference } from '../oci/reference.ts'
import type { NamedImage } from '../plan/destination-names.ts'

/** Records in a layout which releases the copied images belong to; undefined where there is nothing to record. A failure becomes a warning: the images are in place. */
export function releaseRecorder(
  layout: RunEnds['layout'],
  images: readonly NamedImage[],
  releases: ReadonlyMap<string, readonly string[]>,
): ((copied: ReadonlySet<string>) => Promise<readonly string[]>) | undefined {
  if (layout === undefined || releases.size === 0) return undefined
  return async (copied) => {
    const records = images.flatMap(({ source, destination }) => {
      const found = releases.get(formatReference(source))
      return found !== undefined && copied.has(formatReference(destination)) ? [{ reference: destination, releases: found }] : []
    })
    try {
      await layout.recordReleases(records)
      return []
    } catch (error) {
      if (!isMirrorError(error)) throw error
      return [`the releases of the images are not recorded: ${error.message}`]
    }
  }
}
