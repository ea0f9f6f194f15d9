/**
 * Milliseconds that a Retry-After header asks for: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3. Undefined when it
 * is absent, in the past or neither seconds nor a date, so that the ordinary backoff takes its place.
 */
export function parseRetryAfter(text: string | undefined, now: number = Date.now()): number | undefined {
  if (text === undefined) return undefined
  const trimmed = text.trim()
  if (/^[0-9]+$/.test(trimmed)) {
    const delay = Number(trimmed) * 1000
    return delay > 0 && Number.isSafeInteger(delay) ? delay : undefined
  }
  // Dates alone; Date.parse would take "-1" or "5 apples" for one.
  if (!/^[A-Z][a-z]{2,8}, .* GMT$/.test(trimmed)) return undefined
  const delay = Date.parse(trimmed) - now
  return delay > 0 ? delay : undefined
}
