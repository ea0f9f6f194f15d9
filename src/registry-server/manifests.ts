import { isMirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest } from '../oci/digest.ts'
import { isTag, type Reference } from '../oci/reference.ts'
import { largeBytes } from './large-body.ts'
import type { RegistryCall, WriteCall } from './registry-call.ts'
import { refusal, type Reply, type ReplyHeaders } from './reply.ts'

/** The reference that a path's last part is; undefined for what is neither a tag nor a digest. */
export function referenceOf({ repository, last }: RegistryCall): Reference | undefined {
  const { registry, path } = repository
  if (isDigest(last)) return { registry, path, digest: last }
  return isTag(last) ? { registry, path, tag: last } : undefined
}

/** The answer to a reference that is none: what looks like a digest is a bad one, and any other name is simply not there. */
function notReference({ last }: RegistryCall): Reply {
  if (last.includes(':'))
    return refusal(400, { code: 'DIGEST_INVALID', message: 'not a sha256 or sha512 digest', detail: { digest: last.slice(0, 200) } })
  return refusal(404, { code: 'MANIFEST_UNKNOWN', message: 'not a tag', detail: { tag: last.slice(0, 200) } })
}

function unknown(call: RegistryCall): Reply {
  const { layout, repository, last } = call
  if (!layout.knowsRepository(repository))
    return refusal(404, { code: 'NAME_UNKNOWN', message: 'repository name not known to registry', detail: { name: repository.path } })
  return refusal(404, { code: 'MANIFEST_UNKNOWN', message: 'manifest unknown', detail: { reference: last } })
}

function headersOf(descriptor: Descriptor): ReplyHeaders {
  return {
    'content-type': descriptor.mediaType,
    'content-length': descriptor.size,
    'docker-content-digest': descriptor.digest,
    etag: `"${descriptor.digest}"`,
  }
}

/** True when an If-None-Match header names this entity. */
export function isUnchanged(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag)
}

/** GET and HEAD /v2/<name>/manifests/<reference>: the manifest as it was stored, whatever the Accept header says. */
export async function getManifest(call: RegistryCall): Promise<Reply> {
  const { layout, method, request } = call
  const reference = referenceOf(call)
  if (reference === undefined) return notReference(call)
  const descriptor = await layout.headManifest(reference)
  if (descriptor === undefined) return unknown(call)
  const headers = headersOf(descriptor)
  if (isUnchanged(request.headers['if-none-match'], `"${descriptor.digest}"`)) {
    return { status: 304, headers: { etag: `"${descriptor.digest}"`, 'docker-content-digest': descriptor.digest } }
  }
  if (method === 'HEAD') return { status: 200, headers }
  if (descriptor.size > largeBytes) {
    const isWhole = await layout.verifyBlob(descriptor.digest)
    const body = isWhole ? await layout.readBlob(descriptor.digest) : undefined
    if (body !== undefined) return { status: 200, headers, body }
  }
  try {
    const manifest = await layout.getManifest({ ...reference, digest: descriptor.digest })
    return { status: 200, headers, body: manifest.bytes }
  } catch (error) {
    // Deleted between the two looks.
    if (isMirrorError(error) && error.code === 'NOT_FOUND') return unknown(call)
    throw error
  }
}

/** DELETE /v2/<name>/manifests/<reference>: a tag alone, or a manifest with all its tags. */
export async function deleteManifest(call: WriteCall): Promise<Reply> {
  const { writable, repository } = call
  const reference = referenceOf(call)
  if (reference === undefined) return notReference(call)
  const { tag, digest } = reference
  const deletion =
    digest === undefined ? await writable.deleteTag(repository, tag ?? '') : await writable.deleteManifest(repository, digest)
  if (deletion === 'absent') return unknown(call)
  if (deletion === 'deleted') return { status: 202 }
  return refusal(
    405,
    { code: 'UNSUPPORTED', message: 'an index in this repository refers to this manifest: delete the index first' },
    { allow: 'GET, HEAD, PUT' },
  )
}
