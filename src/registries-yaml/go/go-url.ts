import { isIPv6 } from 'node:net'

/** A URL of Go's net/url with decoded parts. Each character of a string is one byte of UTF-8. https://pkg.go.dev/net/url#URL */
export interface GoUrl {
  readonly scheme: string
  readonly opaque: string
  /** `user[:password]`, escaped as Go prints it. */
  readonly userinfo: string | undefined
  /** `host[:port]`. */
  readonly host: string
  readonly path: string
  /** The path as written, if encoding `path` gives another text. */
  readonly rawPath: string
  readonly query: string | undefined
  readonly fragment: string
  /** The fragment as written, if encoding `fragment` gives another text. */
  readonly rawFragment: string
  /** A scheme and a path without `//` between them. */
  readonly omitsHost: boolean
}

/** Thrown for a URL that Go's url.Parse rejects. The message does not quote the URL. */
export class GoUrlError extends Error {}

/** The result of reading URLs, or the error about one of them. */
export function tryGoUrl<T>(read: () => T): T | GoUrlError {
  try {
    return read()
  } catch (error) {
    if (error instanceof GoUrlError) return error
    throw error
  }
}

type Mode = 'host' | 'zone' | 'path' | 'userinfo' | 'fragment'

/** Characters that need no escape. */
const plain: Readonly<Record<Mode, RegExp>> = {
  host: /[\w\-.~!$&'()*+,;=:[\]<>"]/,
  zone: /[\w\-.~!$&'()*+,;=:[\]<>"]/,
  path: /[\w\-.~$&+,/:;=@]/,
  userinfo: /[\w\-.~$&+,;=]/,
  fragment: /[\w\-.~$&+,/:;=?@!()*]/,
}

function escape(text: string, mode: Mode): string {
  return text.replace(/[^]/g, (c) => (plain[mode].test(c) ? c : `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`))
}

function unescape(text: string, mode: Mode): string {
  const isHost = mode === 'host' || mode === 'zone'
  if (/%(?![0-9a-fA-F]{2})/.test(text)) throw new GoUrlError('invalid % escape')
  return text.replace(/%[0-9a-fA-F]{2}|[^]/g, (token) => {
    if (token.length === 1) {
      if (isHost && token < '\x80' && !plain[mode].test(token)) throw new GoUrlError('invalid character in the host name')
      return token
    }
    const c = String.fromCharCode(Number.parseInt(token.slice(1), 16))
    // RFC 6874 allows %25 before a zone, and RFC 3986 only bytes beyond ASCII in a host.
    const isRefused = mode === 'host' ? c < '\x80' : mode === 'zone' && c !== ' ' && !plain[mode].test(c)
    if (isHost && token !== '%25' && isRefused) throw new GoUrlError('invalid % escape')
    return c
  })
}

function checkPort(colonPort: string): void {
  if (!/^(?::[0-9]*)?$/.test(colonPort)) throw new GoUrlError('the port is not a number')
}

function parseLiteral(host: string): string {
  const end = host.lastIndexOf(']')
  if (end === -1) throw new GoUrlError('missing "]" in the host')
  const start = host.lastIndexOf('[')
  const port = host.slice(end + 1)
  checkPort(port)
  const inside = host.slice(start + 1, end)
  const zone = inside.indexOf('%25')
  const address = zone === -1 ? unescape(inside, 'host') : unescape(inside.slice(0, zone), 'host') + unescape(inside.slice(zone), 'zone')
  if (start !== 0 || !isIPv6(address)) throw new GoUrlError('invalid IPv6 address in brackets')
  return `[${address}]${port}`
}

function parseHost(host: string): string {
  if (host.includes('[')) return parseLiteral(host)
  // Since Go 1.26 a second colon is an error too, as in an IPv6 address without brackets.
  const colon = host.indexOf(':')
  if (colon !== -1) checkPort(host.slice(colon))
  return unescape(host, 'host')
}

function parseUserinfo(text: string): string {
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(text)) throw new GoUrlError('invalid character before the "@"')
  const [, user = '', password] = /^([^:]*)(?::([^]*))?$/.exec(text) ?? []
  const again = (part: string): string => escape(unescape(part, 'userinfo'), 'userinfo')
  return password === undefined ? again(user) : `${again(user)}:${again(password)}`
}

function splitAt(text: string, separator: string): readonly [before: string, after: string | undefined] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** Parses as Go's url.Parse does; throws GoUrlError. */
export function parseGoUrl(source: string): GoUrl {
  const [text, writtenFragment = ''] = splitAt(Buffer.from(source, 'utf8').toString('latin1'), '#')
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) throw new GoUrlError('invalid control character')
  const fragment = unescape(writtenFragment, 'fragment')
  if (text.startsWith(':')) throw new GoUrlError('missing scheme before the ":"')
  const [written = '', scheme = ''] = /^([A-Za-z][A-Za-z0-9+\-.]*):/.exec(text) ?? []
  const [beforeQuery, query] = splitAt(text.slice(written.length), '?')
  const parts = {
    scheme: scheme.toLowerCase(),
    opaque: '',
    userinfo: undefined,
    host: '',
    path: '',
    rawPath: '',
    query,
    fragment,
    rawFragment: escape(fragment, 'fragment') === writtenFragment ? '' : writtenFragment,
    omitsHost: false,
  }
  if (!beforeQuery.startsWith('/')) {
    if (scheme !== '') return { ...parts, opaque: beforeQuery }
    if (/^[^/]*:/.test(beforeQuery)) throw new GoUrlError('colon in the first path segment')
  }
  const hasAuthority = beforeQuery.startsWith('//') && (scheme !== '' || !beforeQuery.startsWith('///'))
  const [, authority = '', rest = ''] = hasAuthority ? (/^\/\/([^/]*)([^]*)$/.exec(beforeQuery) ?? []) : ['', '', beforeQuery]
  const at = authority.lastIndexOf('@')
  const host = parseHost(authority.slice(at + 1))
  const userinfo = at === -1 ? undefined : parseUserinfo(authority.slice(0, at))
  const path = unescape(rest, 'path')
  return { ...parts, userinfo, host, path, rawPath: escape(path, 'path') === rest ? '' : rest, omitsHost: scheme !== '' && !hasAuthority }
}

/** The text as it was written, if that is valid. */
function escapedAs(text: string, raw: string, mode: 'path' | 'fragment'): string {
  const valid = mode === 'path' ? /^[!$&'()*+,;=:@[\]%/A-Za-z0-9\-_.~]+$/ : /^[!$&'()*+,;=:@[\]%/?A-Za-z0-9\-_.~]+$/
  return valid.test(raw) && unescape(raw, mode) === text ? raw : escape(text, mode)
}

/** Writes a URL as Go's URL.String does. */
export function formatGoUrl(url: GoUrl): string {
  const { scheme, opaque, userinfo, host, path, query, fragment } = url
  let text = scheme === '' ? '' : `${scheme}:`
  if (opaque !== '') text += opaque
  else {
    if (host !== '' || userinfo !== undefined || (scheme !== '' && path !== '' && !url.omitsHost)) text += '//'
    if (userinfo !== undefined) text += `${userinfo}@`
    text += escape(host, 'host')
    const escaped = escapedAs(path, url.rawPath, 'path')
    text += escaped !== '' && !escaped.startsWith('/') && host !== '' ? `/${escaped}` : escaped
  }
  if (query !== undefined) text += `?${query}`
  if (fragment !== '') text += `#${escapedAs(fragment, url.rawFragment, 'fragment')}`
  return Buffer.from(text, 'latin1').toString('utf8')
}
