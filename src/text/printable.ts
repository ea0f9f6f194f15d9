import { redactUserinfo } from './redact.ts'
import { maskForeign } from './secrets.ts'

/** Characters of a text of others, and of one value in it, that are shown. */
const mostShown = 2048
const mostQuoted = 120

/** Control and formatting characters as escapes, everything else as it is. */
export function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`)
}

/** Text from a server or a file for one line: control characters as escapes, at most 2 KiB. */
export function printable(text: string): string {
  return withoutControls(text.slice(0, mostShown).replace(/[\n\r\t]/g, ' '))
    .replace(/ {2,}/g, ' ')
    .trim()
}

/** The same without the secrets that are in use, for messages that quote what others say. */
export function foreignText(text: string): string {
  return printable(maskForeign(text))
}

/** The same without userinfo, for what is written to a terminal. */
export function safeLine(text: string): string {
  return redactUserinfo(printable(text))
}

/** A value that is not a secret, such as a pattern or a file name, for a message: control characters as escapes, at most 120 characters. */
export function escaped(text: string): string {
  return withoutControls(text.length > mostQuoted ? `${text.slice(0, mostQuoted)}…` : text)
}

/** The same in quotes. */
export function quoted(text: string): string {
  return `"${escaped(text)}"`
}

/** Text of a server without the names of a single image: its repository's path, with or without a tag, and digests. */
export function withoutImage(text: string, path: string): string {
  const unnamed = path.length < 3 ? text : text.replaceAll(path, '…').replace(/…(?:\/manifests\/|:)[^\s:,"')]+/g, '…')
  return unnamed.replace(/sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})/g, '…')
}
