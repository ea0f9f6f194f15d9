import { MirrorError } from '../errors.ts'

/** Longest image list in bytes. */
export const maxListBytes: number = 10 * 1024 * 1024

/** Refuses a list, named by where it came from. */
export function refuseList(name: string, why: string, hint?: string): never {
  throw new MirrorError('INVALID_LIST', `${name}: ${why}`, { hint })
}

const listHint = 'pass a text file with one reference a line, such as docker.io/rancher/mirrored-pause:3.6'
const webPageHint = 'open the address in a browser: a proxy or a login page may have answered instead of the server'

/** Formats that are recognised by their first bytes. */
const binaries: readonly (readonly [magic: readonly number[], why: string, hint: string])[] = [
  [[0x1f, 0x8b], 'this is a gzip file, not an image list', 'decompress it first'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'this is a zstd file, not an image list', 'decompress it first'],
  [[0xff, 0xfe], 'this is UTF-16 text', 'save the list as UTF-8; in PowerShell: Out-File -Encoding utf8'],
  [[0xfe, 0xff], 'this is UTF-16 text', 'save the list as UTF-8; in PowerShell: Out-File -Encoding utf8'],
]

/** Refuses documents that servers send where a list was expected. */
function refuseDocument(text: string, name: string): void {
  const start = text.slice(0, 4096).trimStart()
  if (/^<(?:!doctype|html|head|body|!--|script|meta)/i.test(start)) refuseList(name, 'this is a web page, not an image list', webPageHint)
  if (start.startsWith('<')) refuseList(name, 'this is an XML document, not an image list', listHint)
  // A reference may begin with "[", as in [::1]:5000/image.
  if (/^(?:\{|\[\s*["{\]])/.test(start)) refuseList(name, 'this is a JSON document, not an image list', listHint)
}

/** The text of a list file, without its byte order mark; throws INVALID_LIST for anything that cannot be a list of references. */
export function decodeList(bytes: Uint8Array, name: string): string {
  if (bytes.length > maxListBytes) refuseList(name, 'the list is larger than 10 MiB', listHint)
  for (const [magic, why, hint] of binaries) if (magic.every((byte, index) => bytes[index] === byte)) refuseList(name, why, hint)
  if (bytes.includes(0)) refuseList(name, 'this is a binary file, not an image list', listHint)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    refuseList(name, 'this is a binary file, not UTF-8 text', listHint)
  }
  refuseDocument(text, name)
  return text
}
