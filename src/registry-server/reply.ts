import type { Content } from '../async/content.ts'
import { isMirrorError } from '../errors.ts'
import { errnoOf, isDiskFull } from '../layout/local-io.ts'

/** Header fields of a response; a list is sent as several fields. */
export type ReplyHeaders = Readonly<Record<string, string | number | readonly string[]>>

/** The reply of a route; Content is streamed, and its size is the Content-Length. */
export interface Reply {
  readonly status: number
  readonly headers?: ReplyHeaders
  readonly body?: string | Uint8Array | Content
}

/** Error codes of the distribution API for responses 4xx, and `UNKNOWN` for 5xx: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
export type ApiErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNKNOWN'
  | 'UNSUPPORTED'

/** An error in the form of the distribution API. */
export interface ApiError {
  readonly code: ApiErrorCode
  readonly message: string
  readonly detail?: unknown
}

const jsonHeaders = { 'content-type': 'application/json; charset=utf-8' }

/** A reply with an error body of the API; routes throw it. */
export class Refusal extends Error implements Reply {
  readonly status: number
  readonly headers: ReplyHeaders
  readonly body: string

  constructor(status: number, errors: ApiError | readonly ApiError[], headers: ReplyHeaders = {}) {
    super(`refused with ${status}`)
    this.status = status
    this.headers = { ...jsonHeaders, ...headers }
    this.body = JSON.stringify({ errors: Array.isArray(errors) ? errors : [errors] })
  }
}

/** A 200 with a JSON body. */
export function jsonReply(value: unknown, headers: ReplyHeaders = {}): Reply {
  return { status: 200, headers: { ...jsonHeaders, ...headers }, body: JSON.stringify(value) }
}

/** The status in logs and metrics of a request that its client aborted, as in nginx; it is never sent. */
const clientWentAway = 499

/** The reply to a refusal or to a failure of the registry; it shows no paths of the machine. */
export function failureReply(error: unknown): Reply {
  if (error instanceof Refusal) return error
  const failed = (status: number, message: string, headers?: ReplyHeaders): Reply =>
    new Refusal(status, { code: 'UNKNOWN', message }, headers)
  const code = isMirrorError(error) ? error.code : undefined
  const errno = isMirrorError(error) && code === 'LOCAL_IO' ? errnoOf(error.cause) : undefined
  if (code === 'CANCELLED') return failed(clientWentAway, 'the client disconnected before the end of its request')
  if (code === 'LAYOUT_LOCKED') return failed(503, 'another process took over the layout of this registry, which no longer accepts writes')
  if (code === 'NO_SPACE') return failed(507, 'the registry has no room for more tags')
  if (errno !== undefined && isDiskFull(error)) return failed(507, 'the registry has no space left on its disk')
  if (errno === 'EMFILE' || errno === 'ENFILE') return failed(503, 'the registry has too many files open', { 'retry-after': 1 })
  if (errno !== undefined) return failed(500, `the registry cannot use its disk (${errno})`)
  return failed(500, code === 'INTEGRITY' ? 'the content is damaged on the disk of the registry' : 'the registry failed')
}
