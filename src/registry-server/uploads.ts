import { isMirrorError, MirrorError } from '../errors.ts'
import type { BlobWriter } from '../layout/blob-writer.ts'
import { isDiskFull } from '../layout/local-io.ts'
import type { Digest } from '../oci/digest.ts'
import { parseContentRange } from './byte-range.ts'
import { digestOrRefusal, repositoryUrl, type WriteExchange } from './exchange.ts'
import { receiveBody } from './receive-body.ts'
import { refusal, type Reply, type ReplyHeaders } from './reply.ts'
import type { UploadSession } from './upload-sessions.ts'

/** `0-<last byte>`; an empty upload is `0-0` as well, for the header has no form for nothing. */
function stateHeaders(exchange: WriteExchange, session: UploadSession): ReplyHeaders {
  return {
    location: `${repositoryUrl(exchange)}/blobs/uploads/${session.id}`,
    range: `0-${Math.max(0, session.writer.size - 1)}`,
    'docker-upload-uuid': session.id,
  }
}

function stored(exchange: WriteExchange, digest: Digest): Reply {
  return { status: 201, headers: { location: `${repositoryUrl(exchange)}/blobs/${digest}`, 'docker-content-digest': digest } }
}

function unknownUpload(): Reply {
  return refusal(404, { code: 'BLOB_UPLOAD_UNKNOWN', message: 'blob upload unknown to registry' })
}

/** A new session; `digest-algorithm` says which digest its end will have, so that the bytes are hashed on their way. */
async function openSession(exchange: WriteExchange): Promise<Reply> {
  const { sessions, writable, repository, query, request } = exchange
  const algorithm = query.get('digest-algorithm') ?? 'sha256'
  if (algorithm !== 'sha256' && algorithm !== 'sha512') {
    const detail = { 'digest-algorithm': algorithm.slice(0, 200) }
    return refusal(400, { code: 'DIGEST_INVALID', message: 'the digest algorithm is neither sha256 nor sha512', detail })
  }
  const session = await sessions.open(writable, repository.path, { algorithm, client: request.socket.remoteAddress ?? '' })
  if (session === undefined) {
    return refusal(
      429,
      { code: 'TOOMANYREQUESTS', message: 'too many of your uploads are open: finish or cancel some' },
      { 'retry-after': 10 },
    )
  }
  if (request.socket.destroyed) {
    // Nobody will ever know its name.
    sessions.remove(session)
    await session.writer.discard()
    throw new MirrorError('CANCELLED', 'the client went away before its upload was open')
  }
  return { status: 202, headers: { ...stateHeaders(exchange, session), 'content-length': 0 } }
}

function findSession({ sessions, writable, repository, last }: WriteExchange): Promise<UploadSession | undefined> {
  return sessions.find(writable, repository.path, last)
}

/** Ends a blob; one whose digest is wrong is gone. */
async function commit(exchange: WriteExchange, writer: BlobWriter, digest: Digest): Promise<Reply> {
  try {
    await writer.commit(digest)
  } catch (error) {
    if (isMirrorError(error) && error.code === 'INTEGRITY') {
      return refusal(400, { code: 'DIGEST_INVALID', message: 'the uploaded bytes do not have this digest', detail: { digest } })
    }
    throw error
  }
  return stored(exchange, digest)
}

/** POST /v2/<name>/blobs/uploads/: a mount (`?mount=`), a whole blob (`?digest=`), or a new session. */
export async function startUpload(exchange: WriteExchange): Promise<Reply> {
  const { query, request, writable } = exchange
  if (query.has('mount')) {
    const digest = digestOrRefusal(query.get('mount'))
    if (typeof digest !== 'string') return digest
    if ((await writable.blobSize(digest)) !== undefined) return stored(exchange, digest)
  } else if (query.has('digest')) {
    const digest = digestOrRefusal(query.get('digest'))
    if (typeof digest !== 'string') return digest
    const writer = await writable.startBlob(digest.startsWith('sha512:') ? 'sha512' : 'sha256')
    try {
      await receiveBody(request, (chunk) => writer.write(chunk))
    } catch (error) {
      await writer.discard()
      throw error
    }
    return commit(exchange, writer, digest)
  }
  return openSession(exchange)
}

/** GET /v2/<name>/blobs/uploads/<id>: how far the upload has come. */
export async function getUpload(exchange: WriteExchange): Promise<Reply> {
  const session = await findSession(exchange)
  return session === undefined ? unknownUpload() : { status: 204, headers: stateHeaders(exchange, session) }
}

/** DELETE /v2/<name>/blobs/uploads/<id>: gives the upload up. */
export async function cancelUpload(exchange: WriteExchange): Promise<Reply> {
  const session = await findSession(exchange)
  if (session === undefined) return unknownUpload()
  exchange.sessions.remove(session)
  await session.writer.discard()
  return { status: 204 }
}

/** The refusal of a chunk that does not go on where the upload stands, or whose length is not what its range says. */
function refuseChunk(exchange: WriteExchange, session: UploadSession): Reply | undefined {
  if (session.isBusy)
    return refusal(
      400,
      { code: 'BLOB_UPLOAD_INVALID', message: 'another request is writing to this upload' },
      stateHeaders(exchange, session),
    )
  const { 'content-range': header, 'content-length': length } = exchange.request.headers
  if (header === undefined) return undefined
  const range = parseContentRange(header)
  if (range === undefined)
    return refusal(400, { code: 'BLOB_UPLOAD_INVALID', message: 'Content-Range is not <start>-<end>' }, stateHeaders(exchange, session))
  if (range.start !== session.writer.size) {
    return refusal(
      416,
      { code: 'BLOB_UPLOAD_INVALID', message: `the next byte is ${session.writer.size}` },
      stateHeaders(exchange, session),
    )
  }
  if (length !== undefined && Number(length) !== range.end - range.start + 1) {
    return refusal(400, { code: 'SIZE_INVALID', message: 'Content-Length and Content-Range differ' }, stateHeaders(exchange, session))
  }
  return undefined
}

/**
 * Writes the body. Unless it was the last of the upload, what has arrived, all or not, is in the file afterwards, so that what is told of it is true
 * for the next process too, and a client that broke off can go on there. The answer is for an upload that another request has cancelled meanwhile.
 */
async function receiveChunk({ request, sessions }: WriteExchange, session: UploadSession, isLast: boolean): Promise<Reply | undefined> {
  const { writer } = session
  session.isBusy = true
  let isWhole = false
  try {
    try {
      await receiveBody(request, (chunk) => {
        session.usedAt = performance.now()
        return writer.write(chunk)
      })
      isWhole = true
    } finally {
      if (!isLast || !isWhole) await writer.flush()
    }
    return undefined
  } catch (error) {
    if (!sessions.has(session)) return unknownUpload()
    if (isDiskFull(error)) {
      // What nobody can go on with takes the space that the next upload needs.
      sessions.remove(session)
      await session.writer.discard()
      throw error
    }
    // Where the disk has failed, only the file itself can tell where to go on.
    if (!isMirrorError(error) || error.code !== 'CANCELLED') await sessions.suspend(session)
    throw error
  } finally {
    session.isBusy = false
    session.usedAt = performance.now()
  }
}

/** PATCH /v2/<name>/blobs/uploads/<id>: the next bytes. */
export async function continueUpload(exchange: WriteExchange): Promise<Reply> {
  const session = await findSession(exchange)
  if (session === undefined) return unknownUpload()
  const refused = refuseChunk(exchange, session)
  if (refused !== undefined) return refused
  const failed = await receiveChunk(exchange, session, false)
  if (failed !== undefined) return failed
  return { status: 202, headers: { ...stateHeaders(exchange, session), 'content-length': 0 } }
}

/** PUT /v2/<name>/blobs/uploads/<id>?digest=: the last bytes, or none; the upload ends once all of them are here, whatever their digest. */
export async function finishUpload(exchange: WriteExchange): Promise<Reply> {
  const { query, sessions } = exchange
  const session = await findSession(exchange)
  if (session === undefined) return unknownUpload()
  const digest = digestOrRefusal(query.get('digest'))
  if (typeof digest !== 'string') return digest
  const refused = refuseChunk(exchange, session)
  if (refused !== undefined) return refused
  const failed = await receiveChunk(exchange, session, true)
  if (failed !== undefined) return failed
  sessions.remove(session)
  return commit(exchange, session.writer, digest)
}
