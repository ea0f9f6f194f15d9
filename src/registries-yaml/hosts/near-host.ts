import { isIP } from 'node:net'
import { editDistance } from '../../oci/nearest.ts'

/** How two similar spellings of `host[:port]` differ: only by case, by the port, or by a typo in the name. */
export type Nearness = 'case' | 'port' | 'name'

function split(host: string): { readonly name: string; readonly port: string | undefined } {
  const [, literal, name = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]*))?$/.exec(host.toLowerCase()) ?? [undefined, host]
  return { name: literal ?? name, port }
}

// The longest name in DNS.
const maxName = 253
const minToken = 4

function sortedLetters(word: string): string {
  return word.split('').toSorted().join('')
}

/** True for one typo in one part of the name. Numbers and short parts distinguish hosts: mirror1 and mirror2, eu and us. */
function isTypo(a: string, b: string): boolean {
  if (a.replaceAll(/[.-]/g, '') === b.replaceAll(/[.-]/g, '')) return true
  const parts = a.split(/[.-]/)
  const others = b.split(/[.-]/)
  if (parts.length !== others.length) return false
  const different = parts.flatMap((part, index) => (part === others[index] ? [] : [[part, others[index] ?? ''] as const]))
  const [pair] = different
  if (pair === undefined || different.length > 1) return false
  const [part, other] = pair
  if (Math.min(part.length, other.length) < minToken || part.replaceAll(/[0-9]/g, '') === other.replaceAll(/[0-9]/g, '')) return false
  const distance = editDistance(part, other)
  return distance === 1 || (distance === 2 && sortedLetters(part) === sortedLetters(other))
}

/** How a key is similar to the host of an endpoint; undefined for the same and for an unrelated host. */
export function nearness(key: string, host: string): Nearness | undefined {
  if (key.length > maxName || host.length > maxName || key === host) return undefined
  if (key.toLowerCase() === host.toLowerCase()) return 'case'
  const a = split(key)
  const b = split(host)
  if (a.name === b.name) return 'port'
  if (a.port !== b.port || isIP(a.name) !== 0 || isIP(b.name) !== 0) return undefined
  // `registry` and `registry.example.com`
  const [shorter, longer] = a.name.length < b.name.length ? [a.name, b.name] : [b.name, a.name]
  return (shorter !== '' && longer.startsWith(`${shorter}.`)) || isTypo(a.name, b.name) ? 'name' : undefined
}

/** The same host with the default port of the scheme added or removed. */
export function otherSpelling(host: string, scheme: 'http' | 'https'): string {
  const port = scheme === 'http' ? ':80' : ':443'
  if (host.endsWith(port)) return host.slice(0, -port.length)
  return split(host).port === undefined ? `${host}${port}` : host
}
