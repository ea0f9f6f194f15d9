import type { Attempt } from '../errors.ts'
import type { HttpMethod } from '../http/message.ts'
import type { Answer } from './auth/origin-access.ts'

/** One request to a registry's API; answers with another status than `expect` are thrown as errors. */
export interface ApiRequest {
  readonly method: HttpMethod
  readonly url: URL
  /** What it is for: the error says that it could not be done. */
  readonly what: Attempt
  /** The path of the repository that it is about. */
  readonly repository: string
  /** It needs no permission for the repository: it is about the registry as a whole. */
  readonly isUnscoped?: boolean
  /** The path of another repository that it reads from. */
  readonly from?: string
  /** Statuses that do not count as failures; default: all but 429, and 401 of the registry itself. */
  readonly expect?: readonly number[]
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly maxBytes?: number
  /** It opens something that has to be closed again: an abort lets it come to its end, for a short while, so that this can be done. */
  readonly opens?: boolean
  /** It is sent without credentials, also to the registry: another host named the address. */
  readonly isAnonymous?: boolean
  /** Tries after a failure, where the transport's own number is too patient. */
  readonly retries?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** True for an answer that does not count as a failure of the request. */
export function isExpected(request: Pick<ApiRequest, 'expect' | 'url'>, { status, url }: Answer): boolean {
  if (request.expect !== undefined) return request.expect.includes(status)
  return status !== 429 && (status !== 401 || url.origin !== request.url.origin)
}
