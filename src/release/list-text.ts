import { MirrorError } from '../errors.ts'

/** Longest image list in bytes. */
export const maxListBytes: number = 10 * 1024 * 1024

/** What messages call the file that is read. */
export type ListNoun = 'an image list' | 'a Kubernetes manifest'

/** Refuses a list, named by where it came from. */
export function refuseList(name: string, why: string, hint?: string): never {
  throw new MirrorError('INVALID_LIST', `${name}: ${why}`, { hint })
}

const hints: Readonly<Record<ListNoun, string>> = {
  'an image list': 'pass a text file with one reference a line, such as docker.io/rancher/mirrored-pause:3.6',
  'a Kubernetes manifest': 'pass YAML or JSON, as for kubectl apply -f',
}
const webPageHint = 'open the address in a browser: a proxy or a login page may have answered instead of the server'

/** Formats that are recognised by their first bytes. */
const binaries: readonly (readonly [magic: readonly number[], what: string, hint: string])[] = [
  [[0x1f, 0x8b], 'a gzip file', 'decompress it first'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'a zstd file', 'decompress it first'],
  [[0xff, 0xfe], 'UTF-16 text', 'save the file as UTF-8; in PowerShell: Out-File -Encoding utf8'],
  [[0xfe, 0xff], 'UTF-16 text', 'save the file as UTF-8; in PowerShell: Out-File -Encoding utf8'],
]

/** What a server may have sent, or the caller may have mistaken, in place of the file. */
function wrongDocument(text: string, noun: ListNoun): readonly [what: string, hint: string] | undefined {
  const start = text.slice(0, 4096).trimStart()
  if (/^<(?:!doctype|html|head|body|!--|script|meta)/i.test(start)) return ['a web page', webPageHint]
  if (start.startsWith('<')) return ['an XML document', hints[noun]]
  if (noun !== 'an image list') return undefined
  // A reference may begin with "[", as in [::1]:5000/image.
  if (/^(?:\{|\[\s*["{\]])/.test(start)) return ['a JSON document', hints[noun]]
  if (/^(?:apiVersion|kind):\s/m.test(start)) return ['a Kubernetes manifest', 'pass it with options.manifests']
  return undefined
}

/** The text of a list or a manifest, without its byte order mark; throws INVALID_LIST for anything that cannot be one. */
export function decodeList(bytes: Uint8Array, name: string, noun: ListNoun = 'an image list'): string {
  const refuse = (what: string, hint = hints[noun]): never => refuseList(name, `this is ${what}, not ${noun}`, hint)
  if (bytes.length > maxListBytes) refuseList(name, 'the file is larger than 10 MiB', hints[noun])
  for (const [magic, what, hint] of binaries) if (magic.every((byte, index) => bytes[index] === byte)) refuse(what, hint)
  if (bytes.includes(0)) refuse('a binary file')
  let text = ''
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    refuse('a binary file')
  }
  const wrong = wrongDocument(text, noun)
  if (wrong !== undefined) refuse(...wrong)
  return text
}
