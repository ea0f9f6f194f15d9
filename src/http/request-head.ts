import { MirrorError } from '../errors.ts'
import type { HttpMethod } from './message.ts'
import { proxyAuthorization } from './proxy.ts'

/** What a request begins with. */
export interface RequestHead {
  readonly method: HttpMethod
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** The proxy on the way; plain HTTP is asked of it with the whole URL. */
  readonly proxy: URL | undefined
}

/**
 * The lines of a request up to its body: https://www.rfc-editor.org/rfc/rfc9112#section-3. Throws USAGE for a header with a
 * control character, so that none can smuggle in another one.
 */
export function formatRequestHead({ method, url, headers, proxy }: RequestHead): string {
  const viaProxy = proxy !== undefined && url.protocol === 'http:'
  const authorization = viaProxy ? proxyAuthorization(proxy) : undefined
  let text = `${method} ${viaProxy ? url.origin : ''}${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n`
  for (const [name, value] of Object.entries(headers)) {
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) throw new MirrorError('USAGE', `the header ${name} contains a control character`)
    text += `${name}: ${value}\r\n`
  }
  return `${text}${authorization === undefined ? '' : `proxy-authorization: ${authorization}\r\n`}\r\n`
}
