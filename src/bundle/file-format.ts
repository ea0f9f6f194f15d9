import { MirrorError } from '../errors.ts'

/** What archive commands accept, for hints. */
export const archiveHint = 'pass a bundle, or an archive from docker save, ctr images export or skopeo: .tar, .tar.gz or .tar.zst'

/** The error for a file that is not an archive, with the format that was found, as in `a text file`. */
export function notAnArchive(path: string, found: string, hint: string = archiveHint): MirrorError {
  return new MirrorError('USAGE', `"${path}" is not an archive: it is ${found}`, { hint })
}

/** Where user, group, size and time stand in a tar header: octal digits, or zeros only. */
const numberFields = [108, 116, 124, 136] as const

/** True for the beginning of a tar header, damaged or cut off: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06 */
function isTarHeader(start: Buffer): boolean {
  if (start.toString('latin1', 257, 262) === 'ustar') return true
  // Cut off within its name or mode.
  if (start.length < 108) return /^[\x20-\x7e]+\0+$/.test(start.toString('latin1', 0, 100))
  const hasMode = /^[0-7 ]+[ \0]+$/.test(start.toString('latin1', 100, 108))
  return hasMode && numberFields.every((at) => /^(?:[0-7 ]+[ \0]*|\0*)$/.test(start.toString('latin1', at, at + 8)))
}

/** Bytes at the beginning of a file that show its format: a tar header. */
export const headBytes = 512

/** True for a file that begins as UTF-8 text does; an empty one too. */
export function looksLikeText(start: Buffer): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(start, { stream: true })
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    return !/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text)
  } catch {
    return false
  }
}

/** The format of a file by its first `headBytes`, as in `a text file`; undefined for a tar archive, damaged or cut off. */
export function foreignFormat(start: Buffer): string | undefined {
  if (start.length === 0) return 'empty'
  if (isTarHeader(start) || start.every((byte) => byte === 0)) return undefined
  if (start.toString('latin1', 0, 4) === '\x7fELF') return 'an executable'
  if (!looksLikeText(start)) return 'a file of an unknown format'
  const text = start
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart()
  if (/^<(?:!doctype html|html|head|body)/i.test(text)) return 'a web page'
  // A comment begins markdown too.
  if (/^<[?\w]/.test(text)) return 'an XML document'
  return /^[{[]/.test(text) ? 'a JSON document' : 'a text file'
}
