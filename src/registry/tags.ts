import { randomUUID } from 'node:crypto'
import { contentOf } from '../async/content.ts'
import { sha256 } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { manifestOf } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { atDigest, formatRepository, isTag, type Reference, type Repository } from '../oci/reference.ts'
import { apiUrl } from './endpoint.ts'
import { putManifest } from './manifests.ts'
import { listPages, pageSize } from './pages.ts'
import { isRemoved } from './remove-manifest.ts'
import type { RegistryTransport } from './transport.ts'
import { offerBlob } from './uploads.ts'

/** Every tag of a repository, in the registry's order. Throws as `listPages`. */
export function listTags(transport: RegistryTransport, repository: Repository, { signal }: CallOptions = {}): Promise<readonly string[]> {
  return listPages(transport, {
    url: apiUrl(transport.endpoint, repository.path, `tags/list?n=${pageSize}`),
    entries: 'tags',
    name: formatRepository(repository),
    field: 'tags',
    read: (tag) => (typeof tag === 'string' && isTag(tag) ? tag : undefined),
    repository: repository.path,
    signal,
  })
}

/** Takes a tag away and leaves what it named, whose other tags a deletion by digest would take along; false where the registry does not do that. */
export async function deleteTag(transport: RegistryTransport, reference: Reference, options: CallOptions = {}): Promise<boolean> {
  const { registry, path, tag = 'latest' } = reference
  if (await isRemoved(transport, { registry, path, tag }, options)) return true
  const config = Buffer.from('{}')
  const descriptor = { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256(config), size: config.length }
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptor,
    layers: [],
    annotations: { unique: randomUUID() },
  }
  const stand = manifestOf(Buffer.from(JSON.stringify(document)), mediaTypes.ociManifest)
  const standIn = atDigest({ registry, path }, stand.descriptor.digest)
  // Some registries delete only manifests, so the tag first gets a manifest of our own. It does not exist yet: this checks whether the registry deletes by digest at all.
  if (!(await isRemoved(transport, standIn, options))) return false
  const offered = await offerBlob(transport, reference, descriptor, { ...options, presence: 'disproved' })
  if (offered.kind === 'upload') await offered.upload.put(() => Promise.resolve(contentOf(config)), options)
  await putManifest(transport, { registry, path, tag }, stand, options)
  return isRemoved(transport, standIn, options)
}
