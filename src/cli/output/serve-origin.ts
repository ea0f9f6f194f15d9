import { hostname } from 'node:os'
import { isRegistry } from '../../oci/reference.ts'

/** Where nodes reach the server: what it listens on, or where that is every address, the first name of its certificate, or this machine's. */
export function nodeOrigin(url: string, names: readonly string[]): URL {
  const origin = new URL(url)
  if (origin.hostname !== '0.0.0.0' && origin.hostname !== '[::]') return origin
  const name = [...names.filter((candidate) => !/^(?:127\.|::1|localhost$)/.test(candidate)), hostname()]
    .map((candidate) => (candidate.includes(':') ? `[${candidate}]` : candidate.toLowerCase()))
    .find(isRegistry)
  origin.host = `${name ?? 'registry.example.com'}:${origin.port || (origin.protocol === 'https:' ? 443 : 80)}`
  return origin
}
