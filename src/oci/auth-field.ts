/** Text without the NUL bytes at both ends. */
function trimNul(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && text[from] === '\0') from++
  while (to > from && text[to - 1] === '\0') to--
  return text.slice(from, to)
}

/** The `user:password` of an `auth` field, read as Docker does, without line breaks and NUL bytes; undefined where it is not base64 or UTF-8, or has no colon. */
export function decodeAuthField(field: string): { readonly username: string; readonly password: string } | undefined {
  const text = field.replace(/\s/g, '')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  try {
    const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, 'base64'))
    const colon = decoded.indexOf(':')
    return colon === -1 ? undefined : { username: decoded.slice(0, colon), password: trimNul(decoded.slice(colon + 1)) }
  } catch {
    return undefined
  }
}
