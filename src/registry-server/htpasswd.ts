import { MirrorError } from '../errors.ts'

/** bcrypt hashes by user name. */
export type PasswordHashes = ReadonlyMap<string, string>

/** `$2y$`, two digits of cost, salt and hash: https://httpd.apache.org/docs/2.4/misc/password_encryptions.html */
const bcryptHash = /^\$2[aby]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$/

function refuse(line: number, why: string): never {
  throw new MirrorError('INVALID_CONFIG', `line ${line} of the htpasswd file ${why}`, { hint: 'write it with htpasswd -B <file> <user>' })
}

/** Parses an htpasswd file; ignores empty lines and lines that begin with `#`. Throws INVALID_CONFIG, which names the line and never quotes it. */
export function parseHtpasswd(text: string): PasswordHashes {
  const hashes = new Map<string, string>()
  const lines = text.replace(/^\ufeff/, '').split('\n')
  for (const [at, written] of lines.entries()) {
    const entry = written.replace(/\r$/, '')
    if (entry.trim() === '' || entry.startsWith('#')) continue
    const colon = entry.indexOf(':')
    if (colon < 1) refuse(at + 1, 'is not user:hash')
    const user = entry.slice(0, colon)
    const hash = entry.slice(colon + 1).trimEnd()
    if (!bcryptHash.test(hash)) refuse(at + 1, 'has no bcrypt hash: other hashes are not supported')
    if (hashes.has(user)) refuse(at + 1, 'repeats a user of an earlier line')
    hashes.set(user, hash)
  }
  return hashes
}
