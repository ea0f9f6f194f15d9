const maxLength = 120

/** Text of the file that is no secret, as a pattern or a file's name, for a message: bounded, control characters as escapes. */
export function escaped(text: string): string {
  const bounded = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text
  return bounded.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The same in quotes. */
export function quoted(text: string): string {
  return `"${escaped(text)}"`
}
