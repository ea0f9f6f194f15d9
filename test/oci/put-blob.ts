import type { Content } from '../../src/async/content.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import type { ImageDestination, OfferOptions } from '../../src/oci/image-destination.ts'
import type { Repository } from '../../src/oci/reference.ts'

/** Uploads a blob without asking for it first; false where the place has it already, or refused it for that. */
export async function putBlob(
  place: Pick<ImageDestination, 'offerBlob'>,
  repository: Repository,
  descriptor: Descriptor,
  open: () => Promise<Content>,
  options: OfferOptions = {},
): Promise<boolean> {
  const offered = await place.offerBlob(repository, descriptor, { presence: 'disproved', ...options })
  if (offered.kind !== 'upload') return false
  try {
    return await offered.upload.put(open, options)
  } finally {
    await offered.upload.cancel()
  }
}
