import { randomUUID } from 'node:crypto'
import { contentOf } from '../async/content.ts'
import { sha256 } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { manifestOf } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { apiUrl } from './endpoint.ts'
import { putManifest } from './manifests.ts'
import type { RegistryTransport } from './transport.ts'
import { offerBlob } from './uploads.ts'

/** Takes a tag away and leaves what it named, whose other tags a deletion by digest would take along; false where the registry does not do that. */
export async function deleteTag(transport: RegistryTransport, reference: Reference, options: CallOptions = {}): Promise<boolean> {
  const { registry, path, tag = 'latest' } = reference
  if (await isDeleted(transport, reference, tag, options)) return true
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
  // Some registries delete manifests alone: they are given one of our own under the tag. It is not there yet: what is asked is whether the registry deletes by digest at all.
  if (!(await isDeleted(transport, reference, stand.descriptor.digest, options))) return false
  const offered = await offerBlob(transport, reference, descriptor, { ...options, presence: 'disproved' })
  if (offered.kind === 'upload') await offered.upload.put(() => Promise.resolve(contentOf(config)), options)
  await putManifest(transport, { registry, path, tag }, stand, options)
  return isDeleted(transport, reference, stand.descriptor.digest, options)
}

/** True when there is nothing of that name any more. */
async function isDeleted(transport: RegistryTransport, reference: Reference, name: string, { signal }: CallOptions): Promise<boolean> {
  const { status } = await transport.send({
    method: 'DELETE',
    url: apiUrl(transport.endpoint, reference.path, `manifests/${name}`),
    what: ['take away the tag', formatReference(reference)],
    repository: reference.path,
    expect: [200, 202, 204, 400, 404, 405],
    signal,
  })
  return status !== 400 && status !== 405
}
