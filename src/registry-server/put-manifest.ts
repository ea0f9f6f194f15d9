import { isMirrorError } from '../errors.ts'
import type { Mismatch } from '../layout/layout.ts'
import { readLinks, type ManifestLinks } from '../layout/manifest-links.ts'
import { hasDigest, sha256 } from '../oci/digest.ts'
import { parseSubject } from '../oci/manifest.ts'
import { isTag } from '../oci/reference.ts'
import { repositoryUrl, type WriteExchange } from './exchange.ts'
import { referenceOf } from './manifests.ts'
import { receiveSmallBody } from './receive-body.ts'
import { refusal, type ApiError, type Reply } from './reply.ts'

/** What the specification asks a registry to take at least. */
const maxManifestBytes = 4 * 1024 * 1024

function tooLarge(): Reply {
  return refusal(413, { code: 'SIZE_INVALID', message: `a manifest may have ${maxManifestBytes} bytes` })
}

function errorOf({ descriptor: { digest, size }, actualSize }: Mismatch): ApiError {
  if (actualSize === undefined)
    return { code: 'MANIFEST_BLOB_UNKNOWN', message: 'the manifest refers to content that is not here', detail: { digest } }
  const message = `the manifest gives ${size} bytes to content that has ${actualSize}`
  return { code: 'MANIFEST_INVALID', message, detail: { digest } }
}

/** PUT /v2/<name>/manifests/<reference>, with `?tag=` any number of times beside a digest; refused unless all it refers to is here, and of the size that it says. */
export async function putManifest(exchange: WriteExchange): Promise<Reply> {
  const { request, query, repository, writable, last } = exchange
  const reference = referenceOf(exchange)
  if (reference === undefined) {
    const code = last.includes(':') ? 'DIGEST_INVALID' : 'NAME_INVALID'
    return refusal(400, { code, message: 'neither a tag nor a sha256 or sha512 digest', detail: { reference: last.slice(0, 200) } })
  }
  const tags = reference.tag === undefined ? query.getAll('tag') : [reference.tag]
  const wrong = tags.find((tag) => !isTag(tag))
  if (wrong !== undefined) return refusal(400, { code: 'NAME_INVALID', message: 'not a tag', detail: { tag: wrong.slice(0, 200) } })
  const bytes = await receiveSmallBody(request, maxManifestBytes)
  if (bytes === undefined) return tooLarge()
  if (reference.digest !== undefined && !hasDigest(bytes, reference.digest)) {
    return refusal(400, { code: 'DIGEST_INVALID', message: 'the manifest does not have this digest', detail: { digest: reference.digest } })
  }
  let links: ManifestLinks
  try {
    links = readLinks(bytes, request.headers['content-type'])
    parseSubject(bytes)
  } catch (error) {
    if (isMirrorError(error)) return refusal(400, { code: 'MANIFEST_INVALID', message: error.message })
    throw error
  }
  const digest = reference.digest ?? sha256(bytes)
  const manifest = { bytes, descriptor: { mediaType: links.mediaType, digest, size: bytes.length } }
  for (const tag of tags.length === 0 ? [undefined] : tags) {
    const { registry, path } = repository
    const named = tag === undefined ? { registry, path, digest } : { registry, path, tag, digest }
    const mismatches = await writable.putCheckedManifest(named, manifest, { isSparse: exchange.sparse })
    if (mismatches.length > 0) return refusal(400, mismatches.slice(0, 20).map(errorOf))
  }
  return {
    status: 201,
    headers: {
      location: `${repositoryUrl(exchange)}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(links.subject !== undefined && { 'oci-subject': links.subject }),
      ...(reference.digest !== undefined && tags.length > 0 && { 'oci-tag': tags }),
    },
  }
}
