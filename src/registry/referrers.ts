import { isDigest, type Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isJsonObject } from '../oci/json-object.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import { apiUrl } from './endpoint.ts'
import { listPages } from './pages.ts'
import type { RegistryTransport } from './transport.ts'

/** The digests of the manifests whose subject this is: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers Throws as `listPages`, NOT_FOUND where the registry has no such API. */
export async function fetchReferrers(
  transport: RegistryTransport,
  repository: Repository,
  subject: Digest,
  { signal }: CallOptions = {},
): Promise<readonly Digest[]> {
  const found = await listPages(transport, {
    url: apiUrl(transport.endpoint, repository.path, `referrers/${subject}`),
    entries: 'referrers',
    name: `${formatRepository(repository)}@${subject}`,
    field: 'manifests',
    read: (entry) => (isJsonObject(entry) && typeof entry['digest'] === 'string' ? entry['digest'] : undefined),
    repository: repository.path,
    headers: { accept: mediaTypes.ociIndex },
    signal,
  })
  return found.filter(isDigest)
}
