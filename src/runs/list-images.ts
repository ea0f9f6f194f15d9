import { openConnections, type ConnectionOptions } from '../connect/clients.ts'
import type { ImageList } from '../release/image-list.ts'
import { selectImages, type SelectionOptions } from '../release/select-images.ts'
import { checkOptions } from './check-options.ts'

/** Which images, and how HTTP is spoken with the hosts of lists. */
export type ListOptions = SelectionOptions & ConnectionOptions

/** Fetches the lists of a selection and merges them. Throws what the lists gave: USAGE, INVALID_LIST, CHECKSUM_MISMATCH and others. */
export async function listImages(options: ListOptions): Promise<ImageList> {
  checkOptions(options)
  await using connections = await openConnections(options, {}, options)
  return await selectImages(connections.client, options)
}
