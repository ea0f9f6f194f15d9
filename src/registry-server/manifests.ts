import type { IncomingMessage } from 'node:http'
import { isMirrorError } from '../errors.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isTag, type Reference } from '../oci/reference.ts'
import { largeBytes } from './manifest-body.ts'
import { unknownRepository, type RegistryCall, type WriteCall } from './registry-call.ts'
import { Refusal, type Reply } from './reply.ts'

/** The reference in the last segment of a path; undefined for neither a tag nor a digest. */
export function referenceOf({ repository, last }: RegistryCall): Reference | undefined {
  const { registry, path } = repository
  if (isDigest(last)) return { registry, path, digest: last }
  return isTag(last) ? { registry, path, tag: last } : undefined
}

/** The reference of a path; an invalid digest is a bad request, any other invalid name is not found. */
function requireReference(call: RegistryCall): Reference {
  const reference = referenceOf(call)
  if (reference !== undefined) return reference
  const named = call.last.slice(0, 200)
  if (call.last.includes(':'))
    throw new Refusal(400, { code: 'DIGEST_INVALID', message: 'not a sha256 or sha512 digest', detail: { digest: named } })
  throw new Refusal(404, { code: 'MANIFEST_UNKNOWN', message: 'not a tag', detail: { tag: named } })
}

function unknown({ layout, repository, last }: RegistryCall): Refusal {
  if (!layout.knowsRepository(repository)) return unknownRepository(repository)
  return new Refusal(404, { code: 'MANIFEST_UNKNOWN', message: 'manifest unknown', detail: { reference: last } })
}

/** True when an If-None-Match header names this entity. */
export function isUnchanged(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((given) => given.trim() === '*' || given.trim().replace(/^W\//, '') === etag)
}

/** The 304 for a client that has this content already; undefined for any other. */
export function notModified({ headers }: IncomingMessage, digest: Digest): Reply | undefined {
  const etag = `"${digest}"`
  return isUnchanged(headers['if-none-match'], etag) ? { status: 304, headers: { etag, 'docker-content-digest': digest } } : undefined
}

/** GET and HEAD /v2/<name>/manifests/<reference>: the manifest as it was stored, for any Accept header. */
export async function sendManifest(call: RegistryCall): Promise<Reply> {
  const { layout, writable, method, request } = call
  const reference = requireReference(call)
  if (method === 'HEAD' && reference.digest !== undefined) await writable?.expectContent(reference, reference.digest)
  const descriptor = await layout.headManifest(reference)
  if (descriptor === undefined) throw unknown(call)
  const { digest, size, mediaType } = descriptor
  const headers = { 'content-type': mediaType, 'content-length': size, 'docker-content-digest': digest, etag: `"${digest}"` }
  const unchanged = notModified(request, digest)
  if (unchanged !== undefined) return unchanged
  if (method === 'HEAD') return { status: 200, headers }
  if (size > largeBytes && (await layout.verifyBlob(digest))) {
    const body = await layout.readBlob(digest)
    if (body !== undefined) return { status: 200, headers, body }
  }
  try {
    const manifest = await layout.getManifest({ ...reference, digest })
    return { status: 200, headers, body: manifest.bytes }
  } catch (error) {
    // It was deleted in the meantime.
    throw isMirrorError(error) && error.code === 'NOT_FOUND' ? unknown(call) : error
  }
}

/** DELETE /v2/<name>/manifests/<reference>: deletes a tag only, or a manifest with all its tags. */
export async function deleteManifest(call: WriteCall): Promise<Reply> {
  const { writable, repository } = call
  const { tag, digest } = requireReference(call)
  const deletion =
    digest === undefined ? await writable.deleteTag(repository, tag ?? '') : await writable.deleteManifest(repository, digest)
  if (deletion === 'absent') throw unknown(call)
  if (deletion === 'deleted') return { status: 202 }
  const message = 'an index in this repository refers to this manifest: delete the index first'
  throw new Refusal(405, { code: 'UNSUPPORTED', message }, { allow: 'GET, HEAD, PUT' })
}
