/** Query parameters whose values are names, not secrets, and may be shown. */
const shownParameters = new Set(['account', 'digest', 'from', 'last', 'mount', 'n', 'ns', 'scope', 'service'])

/** A URL for a message: without user and password, and without the values of parameters that may be signatures or tokens. */
export function redactUrl(url: URL): string {
  const copy = new URL(url)
  copy.username = ''
  copy.password = ''
  copy.hash = ''
  const redacted = new Set<string>()
  // Changing the URL's own parameters would write all of it anew for each.
  const parameters = new URLSearchParams()
  for (const [name, value] of copy.searchParams) {
    if (shownParameters.has(name)) parameters.append(name, value)
    else if (!redacted.has(name)) {
      redacted.add(name)
      parameters.append(name, 'REDACTED')
    }
  }
  if (redacted.size > 0) copy.search = parameters.toString()
  return copy.href
}

/** Text from a server for a message: control characters as escapes, at most 2 KiB. */
export function printable(text: string): string {
  const escaped = text.slice(0, 2048).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => {
    if (c === '\n' || c === '\r' || c === '\t') return ' '
    return `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`
  })
  return escaped.replace(/ {2,}/g, ' ').trim()
}
