import type { IncomingMessage } from 'node:http'
import type { Content } from '../async/content.ts'
import type { BlobRange } from '../layout/blob-store.ts'
import { formatContentRange } from '../oci/content-range.ts'
import type { Digest } from '../oci/digest.ts'
import { notModified } from './manifests.ts'
import { requireDigest, type RegistryCall, type WriteCall } from './registry-call.ts'
import { Refusal, type Reply } from './reply.ts'

function unknown(digest: string): Refusal {
  return new Refusal(404, { code: 'BLOB_UNKNOWN', message: 'blob unknown to registry', detail: { digest } })
}

/** The bytes of a Range header, both ends included; undefined means all, also for unsupported headers (several ranges, other units). */
export function parseByteRange(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header ?? '')
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return start > end || start >= size ? 'unsatisfiable' : { start, end }
}

/** GET and HEAD /v2/<name>/blobs/<digest>, the whole blob or one range; HEAD does not open the file. */
export async function sendBlob({ layout, writable, repository, method, request, last }: RegistryCall): Promise<Reply> {
  const digest = requireDigest(last)
  // Who asks for a blob only, does not send it before the manifest.
  const size = await (method === 'HEAD' && writable !== undefined ? writable.expectContent(repository, digest) : layout.blobSize(digest))
  if (size === undefined) throw unknown(digest)
  return contentReply(request, {
    digest,
    size,
    type: 'application/octet-stream',
    absent: unknown(digest),
    read: (range) => layout.readBlob(digest, range),
  })
}

/** Content that may be asked for in parts. */
interface ServedContent {
  readonly digest: Digest
  readonly size: number
  /** Its media type. */
  readonly type: string
  /** The refusal where it is gone. */
  readonly absent: Refusal
  readonly read: (range: BlobRange) => Promise<Content | undefined>
}

/** The reply to GET and HEAD of content, whole or one range, with its digest as ETag; HEAD does not read it: https://www.rfc-editor.org/rfc/rfc9110#section-14 */
export async function contentReply(request: IncomingMessage, { digest, size, type, absent, read }: ServedContent): Promise<Reply> {
  const etag = `"${digest}"`
  const headers = { 'content-type': type, 'docker-content-digest': digest, etag, 'accept-ranges': 'bytes' }
  const unchanged = notModified(request, digest)
  if (unchanged !== undefined) return unchanged
  if (request.method === 'HEAD') return { status: 200, headers: { ...headers, 'content-length': size } }
  const ifRange = request.headers['if-range']
  const range = ifRange === undefined || ifRange === etag ? parseByteRange(request.headers.range, size) : undefined
  if (range === 'unsatisfiable')
    throw new Refusal(416, { code: 'SIZE_INVALID', message: `the content has ${size} bytes` }, { 'content-range': `bytes */${size}` })
  const content = await read(range === undefined ? {} : { offset: range.start, length: range.end - range.start + 1 })
  if (content === undefined) throw absent
  if (range === undefined) return { status: 200, headers, body: content }
  return { status: 206, headers: { ...headers, 'content-range': formatContentRange({ ...range, total: size }) }, body: content }
}

/** DELETE /v2/<name>/blobs/<digest>: removes the blob from the whole layout, so no manifest may refer to it. */
export async function deleteBlob({ writable, last }: WriteCall): Promise<Reply> {
  const digest = requireDigest(last)
  const deletion = await writable.deleteBlob(digest)
  if (deletion === 'absent') throw unknown(digest)
  if (deletion === 'deleted') return { status: 202 }
  const message = 'a manifest refers to this blob: delete the manifest first'
  throw new Refusal(405, { code: 'UNSUPPORTED', message }, { allow: 'GET, HEAD' })
}
