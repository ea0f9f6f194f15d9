/** Query parameters whose values are names, not secrets, and may be shown. */
const shownParameters = new Set(['account', 'digest', 'from', 'last', 'mount', 'n', 'ns', 'scope', 'service'])

/** Characters of a URL, and of its query, that are shown. */
const mostShown = 2048

/** A URL for a message, cut after 2 KiB: without user and password, and without the values of parameters that may be secret. */
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

/** Replaces user and password in whatever looks like a URL or a `user:password@host`; digests, ports and the placeholders of a hint are left unchanged. */
export function redactUserinfo(text: string): string {
  return text
    .replace(/(?<![a-z0-9+.-])([a-z0-9+.-]*:\/\/)(?!<user>:<password>@<)[^\s/?#]*@/gi, '$1***@')
    .replace(
      /(?<![a-z0-9+.-])([a-z0-9+.-]*:\/\/)(?!<user>:<password>@<)[^\s/@:]+:(?!\d{1,5}(?:[/?#\s]|$))[^\s@]*@(?!sha(?:256|512):)/gi,
      '$1***@',
    )
    .replace(/(^|[\s"'(=])[^\s/@:"'(=]+:[^\s/@]+@(?!sha(?:256|512):)/g, '$1***@')
}
