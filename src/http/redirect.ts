import { MirrorError } from '../errors.ts'
import { addressRefusal } from './address.ts'
import type { ResponseHeaders } from './message.ts'
import { redactUrl } from './redact.ts'

/** Headers that another origin may see: what is asked for, never who asks. */
const neutralHeaders = new Set(['accept', 'accept-encoding', 'range', 'user-agent'])

/** True for an answer that sends the client elsewhere with the same method. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

/**
 * Where a redirect leads. Throws PROTOCOL for a missing or doubled Location and REFUSED_ADDRESS for a step from https to
 * http, another scheme, or an address that no registry has a reason to name.
 */
export function redirectUrl(from: URL, headers: ResponseHeaders): URL {
  const locations = headers.all('location')
  const [location] = locations
  if (location === undefined || locations.length > 1) {
    throw new MirrorError('PROTOCOL', `${from.origin} redirects ${location === undefined ? 'without a Location' : 'to two places at once'}`)
  }
  let url
  try {
    url = new URL(location, from)
  } catch (cause) {
    throw new MirrorError('PROTOCOL', `${from.origin} redirects to something that is not a URL`, { cause })
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && from.protocol === 'http:')) {
    throw new MirrorError('REFUSED_ADDRESS', `${from.origin} redirects to ${redactUrl(url)}, which is not encrypted`, {
      hint: 'If the registry stands behind a proxy, have the proxy tell it the scheme (X-Forwarded-Proto).',
    })
  }
  const refusal = addressRefusal(url, from)
  if (refusal !== undefined) throw new MirrorError('REFUSED_ADDRESS', `${from.origin} redirects to ${url.host}, which is ${refusal}`)
  return url
}

/** The headers of a redirected request: all of them within the origin, only the neutral ones beyond it. */
export function redirectHeaders(from: URL, to: URL, headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => from.origin === to.origin || neutralHeaders.has(name.toLowerCase())))
}
