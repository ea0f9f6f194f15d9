import type { Content } from '../async/content.ts'

/** Header fields of an answer; a list is sent as several fields. */
export type ReplyHeaders = Readonly<Record<string, string | number | readonly string[]>>

/** What a route answers; a body that is Content is streamed, and its size is the Content-Length. */
export interface Reply {
  readonly status: number
  readonly headers?: ReplyHeaders
  readonly body?: string | Uint8Array | Content
}

/** Error codes of the distribution API, which knows no others for an answer 4xx, and `UNKNOWN` for 5xx: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
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

/** An error as clients of the distribution API read it. */
export interface ApiError {
  readonly code: ApiErrorCode
  readonly message: string
  readonly detail?: unknown
}

/** A refusal with the API's error body. */
export function refusal(status: number, errors: ApiError | readonly ApiError[], headers: ReplyHeaders = {}): Reply {
  return {
    ...jsonReply({ errors: Array.isArray(errors) ? errors : [errors] }, { 'content-type': 'application/json; charset=utf-8', ...headers }),
    status,
  }
}

/** A 200 with a JSON body. */
export function jsonReply(value: unknown, headers: ReplyHeaders = { 'content-type': 'application/json; charset=utf-8' }): Reply {
  return { status: 200, headers, body: JSON.stringify(value) }
}
