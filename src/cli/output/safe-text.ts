import { printable } from '../../http/redact.ts'

/** Replaces user and password in whatever looks like a URL or a `user:password@host`; digests and ports are left alone. */
export function redactUserinfo(text: string): string {
  return text
    .replace(/(?<![a-z0-9+.-])([a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, '$1***@')
    .replace(/(?<![a-z0-9+.-])([a-z0-9+.-]*:\/\/)[^\s/@:]+:(?!\d{1,5}(?:[/?#\s]|$))[^\s@]*@(?!sha(?:256|512):)/gi, '$1***@')
    .replace(/(^|[\s"'(=])[^\s/@:"'(=]+:[^\s/@]+@(?!sha(?:256|512):)/g, '$1***@')
}

/** One line that is fit to be shown: no control characters, no userinfo, at most 2 KiB. */
export function safeLine(text: string): string {
  return redactUserinfo(printable(text))
}
