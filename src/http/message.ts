import type { Content } from '../async/content.ts'
import type { Naming } from './address.ts'

/** Methods that this package sends. */
export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A request; a body of bytes can be sent again, content is read once. */
export interface HttpRequest {
  readonly method: HttpMethod
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: Uint8Array | Content | undefined
  /** Longest answer in bytes that is read; a longer one fails with PROTOCOL. Default 64 KiB. */
  readonly maxBytes?: number | undefined
  /** Who named the host, where a server and not the user did: an address behind its name that this server may not name throws REFUSED_ADDRESS. */
  readonly naming?: Naming | undefined
  /** Redirects that are followed, without credentials beyond the origin; one more throws PROTOCOL. Default 0: a 3xx is an answer. */
  readonly redirects?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** An answer with its whole body. */
export interface HttpResponse {
  readonly status: number
  readonly headers: ResponseHeaders
  /** Where the answer came from, after redirects. */
  readonly url: URL
  /** The IP address of the server that answered; undefined behind a proxy. */
  readonly address?: string | undefined
  readonly body: Uint8Array
}

/** Headers of an answer, names in lower case, every value of a repeated header kept. */
export class ResponseHeaders {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values
  }

  /** Every value of the header, in order. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** The only or first value. */
  get(name: string): string | undefined {
    return this.all(name)[0]
  }

  /** The header as a whole number; undefined when absent or anything else. */
  integer(name: string): number | undefined {
    const text = this.get(name)
    return text !== undefined && /^[0-9]{1,16}$/.test(text) ? Number(text) : undefined
  }
}

/** Milliseconds that a Retry-After header asks for; undefined for none and nonsense: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
export function parseRetryAfter(text: string | undefined, now: number = Date.now()): number | undefined {
  if (text === undefined) return undefined
  const trimmed = text.trim()
  if (/^[0-9]+$/.test(trimmed)) {
    const delay = Number(trimmed) * 1000
    return delay > 0 && Number.isSafeInteger(delay) ? delay : undefined
  }
  // Only dates: Date.parse also accepts "-1" and "5 apples".
  if (!/^[A-Z][a-z]{2,8}, .* GMT$/.test(trimmed)) return undefined
  const delay = Date.parse(trimmed) - now
  return delay > 0 ? delay : undefined
}
