import { openConnections, type ConnectionOptions, type Connections } from '../connect/clients.ts'
import type { ImageList } from '../release/image-list.ts'
import { selectImages, type SelectionOptions } from '../release/select-images.ts'
import { checkOptions } from './check-options.ts'

/** Which images, and how HTTP is spoken with the hosts of lists. */
export type ListOptions = SelectionOptions & ConnectionOptions

/** The images of a selection, also those that bundles, lock files and layouts name. Throws as `selectImages`, and what reading an archive throws. */
export function selectListed(client: Connections['client'], options: SelectionOptions): Promise<ImageList> {
  return selectImages(client, options, async (place, { signal }) => {
    const { readNamedImages } = await import('../bundle/named-images.ts')
    return readNamedImages(place, { signal })
  })
}

/** Fetches the lists of a selection and merges them. Throws what the lists gave: USAGE, INVALID_LIST, CHECKSUM_MISMATCH and others. */
export async function listImages(options: ListOptions): Promise<ImageList> {
  checkOptions(options)
  await using connections = await openConnections(options, {}, options)
  return await selectListed(connections.client, options)
}
