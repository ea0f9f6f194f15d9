import { MirrorError } from '../errors.ts'
import type { Digest } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { atDigest, formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { apiUrl } from './endpoint.ts'
import { headManifest } from './manifests.ts'
import type { RegistryTransport } from './transport.ts'

/** What registries answer that delete manifests by digest only, distribution 2 and Harbor, or nothing. */
const unsupported: readonly number[] = [400, 405, 501]

async function sendDelete(
  transport: RegistryTransport,
  reference: Reference,
  expect: readonly number[],
  { signal }: CallOptions,
): Promise<number> {
  const { path, digest, tag = 'latest' } = reference
  const { status } = await transport.send({
    method: 'DELETE',
    url: apiUrl(transport.endpoint, path, `manifests/${digest ?? tag}`),
    what: ['delete', formatReference(reference)],
    repository: path,
    expect: [200, 202, 204, 404, ...expect],
    signal,
  })
  return status
}

/** Deletes what a tag or a digest names; true when there is nothing of that name any more, false where the registry does not do that. */
export async function isRemoved(transport: RegistryTransport, reference: Reference, options: CallOptions = {}): Promise<boolean> {
  return !unsupported.includes(await sendDelete(transport, reference, unsupported, options))
}

/**
 * Deletes a tag and leaves the manifest; false where the registry deletes only manifests. A tag that is gone counts as deleted:
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-tags
 */
export async function removeTag(
  transport: RegistryTransport,
  { registry, path, tag }: Reference,
  options: CallOptions = {},
): Promise<boolean> {
  const reference = { registry, path, ...(tag !== undefined && { tag }) }
  const status = await sendDelete(transport, reference, unsupported, options)
  if (unsupported.includes(status)) return false
  // Some registries know no tag under this address.
  return status !== 404 || (await headManifest(transport, reference, options)) === undefined
}

/**
 * Deletes a manifest, in most registries with every tag that names it; one that is gone counts as deleted. Throws UNSUPPORTED where the registry deletes none, or answers 404 to one that it has:
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-manifests
 */
export async function removeManifest(
  transport: RegistryTransport,
  repository: Repository,
  digest: Digest,
  options: CallOptions = {},
): Promise<void> {
  const reference = atDigest(repository, digest)
  const status = await sendDelete(transport, reference, [], options)
  if (status !== 404 || (await headManifest(transport, reference, options)) === undefined) return
  const { host } = transport.endpoint.origin
  const [subject, reason] = [formatReference(reference), `${host} answered 404, but still has it`]
  throw new MirrorError('UNSUPPORTED', `cannot delete ${subject}: ${reason}`, {
    hint: `check that ${host} supports deletion, and that the user may delete there: some registries return 404 for a missing permission`,
    subject,
    reason,
  })
}
