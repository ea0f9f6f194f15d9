import { isMirrorError, MirrorError } from '../errors.ts'
import { addressRefusal } from '../http/address.ts'
import type { HttpResponse } from '../http/message.ts'
import { redirectHint, trustHint } from '../http/redirect.ts'
import type { Digest } from '../oci/digest.ts'
import { foreignText } from '../text/printable.ts'
import { redactUrl } from '../text/redact.ts'
import type { Endpoint } from './endpoint.ts'

/** True for `host[:port]/path` of the registry itself, without a scheme. */
function isBareHost(location: string, { protocol, host }: URL): boolean {
  const authority = /^[^/?#]+(?=\/)/.exec(location)?.[0]
  const text = `${protocol}//${authority}`
  return authority !== undefined && URL.canParse(text) && new URL(text).host === host
}

/**
 * Where an upload goes on, from the Location of its opening: absolute, a path, `//host/path` or `host/path`, resolved
 * against the URL that answered. Throws PROTOCOL without exactly one Location, and REFUSED_ADDRESS for another scheme than
 * the registry's; http from an https registry at the same host is a proxy that hides the scheme, and https is kept. `trusted` are hosts that it may name
 * though they are private addresses.
 */
export function uploadUrl(response: HttpResponse, trusted: readonly string[] = []): URL {
  const locations = [...new Set(response.headers.all('location'))]
  const [location] = locations
  const { url } = response
  if (location === undefined || locations.length > 1) {
    throw new MirrorError(
      'PROTOCOL',
      `${url.host} opened an upload ${location === undefined ? 'without saying where' : 'at two places at once'}`,
    )
  }
  let next
  try {
    next = new URL(isBareHost(location, url) ? `${url.protocol}//${location}` : location, url)
  } catch (cause) {
    throw new MirrorError('PROTOCOL', `${url.host} opened an upload at something that is not a URL`, { cause })
  }
  next.hash = ''
  if (next.protocol === 'http:' && url.protocol === 'https:' && next.hostname === url.hostname && next.port === '') {
    next.protocol = 'https:'
    next.port = url.port
  }
  const refusal = addressRefusal(next, response, trusted)
  if ((next.protocol !== 'https:' && next.protocol !== url.protocol) || refusal !== undefined) {
    throw new MirrorError(
      'REFUSED_ADDRESS',
      `${url.host} opened an upload at ${foreignText(redactUrl(next))}, ${refusal === undefined ? 'which is not encrypted' : `which is ${refusal}`}`,
      { hint: refusal === undefined ? redirectHint(url, next) : trustHint(next) },
    )
  }
  return next
}

/** The failure of an upload at an address that the registry named itself, with who named it; what else fails stays as it is. */
export function explainAddress(error: unknown, url: URL, { origin }: Endpoint): unknown {
  if (url.origin === origin.origin || !isMirrorError(error)) return error
  const logIn = `Credentials of ${origin.host} are sent to it only. If both are one registry, use options.to ${url.host}, or correct the address that it names.`
  const hint = error.code === 'UNAUTHORIZED' ? logIn : (redirectHint(origin, url) ?? error.hint)
  return error.with({ message: `${error.message}; ${origin.host} named ${url.origin} for the upload`, hint })
}

/** The URL that closes an upload: `digest` is appended as text, because the query may be signed as it stands. */
export function withDigest(url: URL, digest: Digest): URL {
  const joint = url.search !== '' ? '&' : url.href.endsWith('?') ? '' : '?'
  return new URL(`${url.href}${joint}digest=${digest}`)
}
