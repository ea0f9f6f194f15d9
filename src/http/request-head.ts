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

/** Throws USAGE for a header whose name is no name, or whose value holds a control character that could smuggle in another header. */
export function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new MirrorError('USAGE', 'the name of a header contains a forbidden character')
    // A character beyond one byte would be cut to its lower byte, which may be a control character.
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused
    if (/[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/.test(value)) {
      throw new MirrorError('USAGE', `the header ${name} contains a control character, or one that no header can hold`)
    }
  }
}

/** The lines of a request up to its body: https://www.rfc-editor.org/rfc/rfc9112#section-3. Its headers have been checked. */
export function formatRequestHead({ method, url, headers, proxy }: RequestHead): string {
  const viaProxy = proxy !== undefined && url.protocol === 'http:'
  const authorization = viaProxy ? proxyAuthorization(proxy) : undefined
  let text = `${method} ${viaProxy ? url.origin : ''}${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n`
  for (const [name, value] of Object.entries(headers)) text += `${name}: ${value}\r\n`
  return `${text}${authorization === undefined ? '' : `proxy-authorization: ${authorization}\r\n`}\r\n`
}
