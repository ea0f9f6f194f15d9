/** Query parameters whose values are names, not secrets, and may be shown. */
const shownParameters = new Set(['account', 'digest', 'from', 'last', 'mount', 'n', 'ns', 'scope', 'service'])

/** Characters of a URL, and of its query, that are shown. */
const mostShown = 2048

/**
 * A URL for a message: without user and password, and without the values of parameters that may be signatures or tokens; cut after 2 KiB. Whoever
 * writes the URL may have put thousands of parameters into it, so each is looked at once.
 */
export function redactUrl(url: URL): string {
  const shown = new URLSearchParams()
  const hidden = new Set<string>()
  for (const [name, value] of new URLSearchParams(url.search.slice(0, mostShown))) {
    if (shownParameters.has(name)) shown.append(name, value)
    else if (!hidden.has(name)) shown.append(name, 'REDACTED')
    hidden.add(name)
  }
  const copy = new URL(url)
  copy.username = ''
  copy.password = ''
  copy.hash = ''
  copy.search = shown.toString()
  return copy.href.slice(0, mostShown)
}

/** Text from a server for a message: control characters as escapes, at most 2 KiB. */
export function printable(text: string): string {
  const escaped = text.slice(0, 2048).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => {
    if (c === '\n' || c === '\r' || c === '\t') return ' '
    return `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`
  })
  return escaped.replace(/ {2,}/g, ' ').trim()
}
