/** The `user:password` inside the base64 of an `auth` field; undefined when it is not base64, not UTF-8, or has no colon. */
export function decodeAuthField(field: string): { readonly username: string; readonly password: string } | undefined {
  const text = field.trim()
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined
  try {
    const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, 'base64'))
    const colon = decoded.indexOf(':')
    return colon === -1 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
  } catch {
    return undefined
  }
}
