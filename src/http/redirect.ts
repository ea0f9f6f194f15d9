import { MirrorError } from '../errors.ts'
import { foreignText } from '../text/printable.ts'
import { redactUrl } from '../text/redact.ts'
import { addressRefusal, isForbiddenHost, type NamingServer } from './address.ts'
import type { HttpMethod, ResponseHeaders } from './message.ts'

/** Headers that another origin may see: what is asked for, never who asks. */
const neutralHeaders = new Set(['accept', 'accept-encoding', 'content-type', 'range', 'user-agent'])

/** True for an answer that sends the client elsewhere with the same method: https://www.rfc-editor.org/rfc/rfc9110#section-15.4 */
export function isRedirect(status: number, method: HttpMethod): boolean {
  if (status === 307 || status === 308) return true
  return (method === 'GET' || method === 'HEAD') && (status === 301 || status === 302 || status === 303)
}

/** Where a redirect leads, `trusted` being private hosts that it may name; throws PROTOCOL, and REFUSED_ADDRESS for a step to http or to a forbidden address. */
export function redirectUrl(answer: NamingServer & { readonly headers: ResponseHeaders }, trusted: readonly string[] = []): URL {
  const from = answer.url
  const locations = [...new Set(answer.headers.all('location'))]
  const [location] = locations
  if (location === undefined || locations.length > 1) {
    throw new MirrorError(
      'PROTOCOL',
      `${from.origin} redirects ${location === undefined ? 'without a Location header' : 'with two Location headers'}`,
    )
  }
  if (!URL.canParse(location, from.href)) throw new MirrorError('PROTOCOL', `${from.origin} redirects to an invalid URL`)
  const url = new URL(location, from)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && from.protocol === 'http:')) {
    throw new MirrorError('REFUSED_ADDRESS', `${from.origin} redirects to ${foreignText(redactUrl(url))}, which is not encrypted`, {
      hint: 'set X-Forwarded-Proto at the proxy in front of the registry',
    })
  }
  const refusal = addressRefusal(url, answer, trusted)
  if (refusal === undefined) return url
  throw new MirrorError('REFUSED_ADDRESS', `${from.origin} redirects to ${foreignText(url.host)}, which is ${refusal}`, {
    hint: trustHint(url),
  })
}

/** The hint for a server that names its own host by an unusable URL, because a proxy hides the scheme or the port; undefined for another host. */
export function redirectHint(from: URL, to: URL): string | undefined {
  if (from.hostname !== to.hostname) return undefined
  return `forward Host with the port at the proxy of ${from.origin}, or X-Forwarded-Host, X-Forwarded-Port and X-Forwarded-Proto: it calls itself ${to.origin}`
}

/** What to do about an address that a server named and that is refused, for good where it is forbidden. */
export function trustHint(
  { hostname, host }: URL,
  {
    isForbidden = isForbiddenHost(hostname),
    option = 'options.storageHosts',
  }: { readonly isForbidden?: boolean; readonly option?: string } = {},
): string {
  if (isForbidden) return `correct the address that the registry names: requests to ${host} are never sent`
  return `pass ${option} ${host} if that host belongs to the registry`
}

/** Parameters that sign a URL: servers refuse it with a second authentication. */
const signatures = new Set(['x-amz-signature', 'x-amz-credential', 'x-goog-signature', 'signature', 'sig'])

/** The headers of a redirected request: all of them within the origin, but no credentials where the URL has its own; only the neutral ones beyond it. */
export function redirectHeaders(from: URL, to: URL, headers: Readonly<Record<string, string>>): Record<string, string> {
  const isHome = from.origin === to.origin
  const isSigned = [...to.searchParams.keys()].some((name) => signatures.has(name.toLowerCase()))
  const withheld = isSigned ? 'authorization' : undefined
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => (isHome ? name.toLowerCase() !== withheld : neutralHeaders.has(name.toLowerCase()))),
  )
}
