import { isMirrorError, MirrorError } from '../errors.ts'
import type { BlobWriter } from '../layout/blob-writer.ts'
import { isDiskFull } from '../layout/local-io.ts'
import { parseChunkRange } from '../oci/content-range.ts'
import type { Digest } from '../oci/digest.ts'
import type { OpenUpload } from './open-uploads.ts'
import { receiveBody } from './receive-body.ts'
import { requireDigest, type WriteCall } from './registry-call.ts'
import { Refusal, type ApiErrorCode, type Reply, type ReplyHeaders } from './reply.ts'

/** `0-<last byte>`; also `0-0` for an empty upload, since the header cannot express an empty range. */
function stateHeaders({ repositoryUrl }: WriteCall, upload: OpenUpload): ReplyHeaders {
  return {
    location: `${repositoryUrl}/blobs/uploads/${upload.id}`,
    range: `0-${Math.max(0, upload.writer.size - 1)}`,
    'docker-upload-uuid': upload.id,
  }
}

function stored({ repositoryUrl }: WriteCall, digest: Digest): Reply {
  return { status: 201, headers: { location: `${repositoryUrl}/blobs/${digest}`, 'docker-content-digest': digest } }
}

function unknownUpload(): Refusal {
  return new Refusal(404, { code: 'BLOB_UPLOAD_UNKNOWN', message: 'blob upload unknown to registry' })
}

/** Opens an upload; `digest-algorithm` names the algorithm of its digest, so that the bytes are hashed as they arrive. */
async function openUpload(call: WriteCall): Promise<Reply> {
  const { uploads, writable, repository, query, request } = call
  const algorithm = query.get('digest-algorithm') ?? 'sha256'
  if (algorithm !== 'sha256' && algorithm !== 'sha512') {
    const detail = { 'digest-algorithm': algorithm.slice(0, 200) }
    throw new Refusal(400, { code: 'DIGEST_INVALID', message: 'the digest algorithm is neither sha256 nor sha512', detail })
  }
  const upload = await uploads.open(writable, repository.path, { algorithm, client: request.socket.remoteAddress ?? '' })
  if (upload === undefined) {
    const message = 'too many of your uploads are open: finish or cancel some'
    throw new Refusal(429, { code: 'TOOMANYREQUESTS', message }, { 'retry-after': 10 })
  }
  if (request.socket.destroyed) {
    // The client never learns its id.
    uploads.remove(upload)
    await upload.writer.discard()
    throw new MirrorError('CANCELLED', 'the client disconnected before its upload was open')
  }
  return { status: 202, headers: { ...stateHeaders(call, upload), 'content-length': 0 } }
}

async function requireUpload({ uploads, writable, repository, last }: WriteCall): Promise<OpenUpload> {
  const upload = await uploads.find(writable, repository.path, last)
  if (upload === undefined) throw unknownUpload()
  return upload
}

/** Commits a blob; discards one with the wrong digest. */
async function commit(call: WriteCall, writer: BlobWriter, digest: Digest): Promise<Reply> {
  try {
    await call.writable.expectContent(call.repository, digest, { isComing: true })
    await writer.commit(digest)
  } catch (error) {
    if (!isMirrorError(error) || error.code !== 'INTEGRITY') throw error
    throw new Refusal(400, { code: 'DIGEST_INVALID', message: 'the uploaded bytes do not have this digest', detail: { digest } })
  }
  return stored(call, digest)
}

/** POST /v2/<name>/blobs/uploads/: a mount (`?mount=`), a whole blob (`?digest=`), or a new upload. */
export async function startUpload(call: WriteCall): Promise<Reply> {
  const { query, request, repository, writable } = call
  if (query.has('mount')) {
    const digest = requireDigest(query.get('mount'))
    if ((await writable.expectContent(repository, digest)) !== undefined) return stored(call, digest)
  } else if (query.has('digest')) {
    const digest = requireDigest(query.get('digest'))
    const writer = await writable.startBlob(digest.startsWith('sha512:') ? 'sha512' : 'sha256')
    await receiveBody(request, (chunk) => writer.write(chunk)).catch(async (error: unknown) => {
      await writer.discard()
      throw error
    })
    return commit(call, writer, digest)
  }
  return openUpload(call)
}

/** GET /v2/<name>/blobs/uploads/<id>: the progress of the upload. */
export async function getUpload(call: WriteCall): Promise<Reply> {
  return { status: 204, headers: stateHeaders(call, await requireUpload(call)) }
}

/** DELETE /v2/<name>/blobs/uploads/<id>: cancels the upload. */
export async function cancelUpload(call: WriteCall): Promise<Reply> {
  const upload = await requireUpload(call)
  call.uploads.remove(upload)
  await upload.writer.discard()
  return { status: 204 }
}

/** Refuses a chunk that does not start at the end of the upload, or whose length differs from its range. */
function checkChunk(call: WriteCall, upload: OpenUpload): void {
  const refuse = (status: number, code: ApiErrorCode, message: string): never => {
    throw new Refusal(status, { code, message }, stateHeaders(call, upload))
  }
  if (upload.isBusy) refuse(400, 'BLOB_UPLOAD_INVALID', 'another request is writing to this upload')
  const { 'content-range': header, 'content-length': length } = call.request.headers
  if (header === undefined) return
  const range = parseChunkRange(header) ?? refuse(400, 'BLOB_UPLOAD_INVALID', 'Content-Range is not <start>-<end>')
  if (range.start !== upload.writer.size) refuse(416, 'BLOB_UPLOAD_INVALID', `the next byte is ${upload.writer.size}`)
  if (length !== undefined && Number(length) !== range.end - range.start + 1)
    refuse(400, 'SIZE_INVALID', 'Content-Length and Content-Range differ')
}

/** Writes the body. Unless it completes the upload, all bytes that arrived are in the file afterwards, so that even the next process can continue. */
async function receiveChunk({ request, uploads }: WriteCall, upload: OpenUpload, isLast: boolean): Promise<void> {
  const { writer } = upload
  upload.isBusy = true
  let isWhole = false
  try {
    try {
      await receiveBody(request, (chunk) => {
        upload.usedAt = performance.now()
        return writer.write(chunk)
      })
      isWhole = true
    } finally {
      if (!isLast || !isWhole) await writer.flush()
    }
  } catch (error) {
    if (!uploads.has(upload)) throw unknownUpload()
    if (isDiskFull(error)) {
      // An upload that cannot be continued takes the space that the next one needs.
      uploads.remove(upload)
      await upload.writer.discard()
      // After a disk failure only the file itself shows where to continue.
    } else if (!isMirrorError(error) || error.code !== 'CANCELLED') await uploads.suspend(upload)
    throw error
  } finally {
    upload.isBusy = false
    upload.usedAt = performance.now()
  }
}

/** PATCH /v2/<name>/blobs/uploads/<id>: the next bytes. */
export async function continueUpload(call: WriteCall): Promise<Reply> {
  const upload = await requireUpload(call)
  checkChunk(call, upload)
  await receiveChunk(call, upload, false)
  return { status: 202, headers: { ...stateHeaders(call, upload), 'content-length': 0 } }
}

/** PUT /v2/<name>/blobs/uploads/<id>?digest=: the last bytes, possibly none; ends the upload once all bytes arrived, even with a wrong digest. */
export async function finishUpload(call: WriteCall): Promise<Reply> {
  const upload = await requireUpload(call)
  const digest = requireDigest(call.query.get('digest'))
  checkChunk(call, upload)
  await receiveChunk(call, upload, true)
  call.uploads.remove(upload)
  return commit(call, upload.writer, digest)
}
