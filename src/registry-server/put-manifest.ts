import { isMirrorError } from '../errors.ts'
import type { Mismatch } from '../layout/layout.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { hasDigest, type Digest } from '../oci/digest.ts'
import { contentsOf, manifestOf, readSubject, type Manifest } from '../oci/manifest.ts'
import { isTag } from '../oci/reference.ts'
import { useManifestBody } from './manifest-body.ts'
import { referenceOf } from './manifests.ts'
import type { WriteCall } from './registry-call.ts'
import { Refusal, type ApiError, type Reply } from './reply.ts'

/** Most tags that one request may set; the specification requires at least ten. */
const maxTags = 100

function errorOf({ descriptor: { digest, size }, actualSize }: Mismatch): ApiError {
  if (actualSize === undefined)
    return { code: 'MANIFEST_BLOB_UNKNOWN', message: 'the manifest refers to content that this registry does not have', detail: { digest } }
  const message = `the manifest declares ${size} bytes for content of ${actualSize} bytes`
  return { code: 'MANIFEST_INVALID', message, detail: { digest } }
}

/** PUT /v2/<name>/manifests/<reference>, with `?tag=` next to a digest; refused unless all content it refers to is present and has the declared size. */
export async function receiveManifest(call: WriteCall): Promise<Reply> {
  const { request, query, last } = call
  const reference = referenceOf(call)
  if (reference === undefined) {
    const code = last.includes(':') ? 'DIGEST_INVALID' : 'NAME_INVALID'
    throw new Refusal(400, { code, message: 'neither a tag nor a sha256 or sha512 digest', detail: { reference: last.slice(0, 200) } })
  }
  const tags = reference.tag === undefined ? [...new Set(query.getAll('tag'))] : [reference.tag]
  const wrong = tags.find((tag) => !isTag(tag))
  if (wrong !== undefined) throw new Refusal(400, { code: 'NAME_INVALID', message: 'not a tag', detail: { tag: wrong.slice(0, 200) } })
  if (tags.length > maxTags) throw new Refusal(414, { code: 'NAME_INVALID', message: `a request can set at most ${maxTags} tags` })
  return useManifestBody(request, (bytes) => storeManifest(call, bytes, reference.digest, tags))
}

async function storeManifest(call: WriteCall, bytes: Uint8Array, expected: Digest | undefined, tags: readonly string[]): Promise<Reply> {
  const { request, repository, repositoryUrl, writable } = call
  if (expected !== undefined && !hasDigest(bytes, expected))
    throw new Refusal(400, { code: 'DIGEST_INVALID', message: 'the manifest does not have this digest', detail: { digest: expected } })
  let manifest: Manifest
  let subject: Descriptor | undefined
  try {
    manifest = manifestOf(bytes, request.headers['content-type'], expected)
    subject = readSubject(contentsOf(manifest).subject)
  } catch (error) {
    throw isMirrorError(error) ? new Refusal(400, { code: 'MANIFEST_INVALID', message: error.message }) : error
  }
  const { digest } = manifest.descriptor
  for (const tag of tags.length === 0 ? [undefined] : tags) {
    const { registry, path } = repository
    const named = tag === undefined ? { registry, path, digest } : { registry, path, tag, digest }
    const mismatches = await writable.putCheckedManifest(named, manifest, { isSparse: call.sparse })
    if (mismatches.length > 0) throw new Refusal(400, mismatches.slice(0, 20).map(errorOf))
  }
  return {
    status: 201,
    headers: {
      location: `${repositoryUrl}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(subject !== undefined && { 'oci-subject': subject.digest }),
      ...(expected !== undefined && tags.length > 0 && { 'oci-tag': tags }),
    },
  }
}
