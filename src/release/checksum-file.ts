import { MirrorError } from '../errors.ts'

function refuse(name: string, why: string): never {
  throw new MirrorError('CHECKSUM_MISMATCH', `${name}: ${why}`, {
    hint: 'Nothing of this release is used. Compare the checksum file with the one that K3s published.',
  })
}

/** One line of `sha256sum`, in text (two spaces) or binary mode (space and asterisk). */
const grammar = /^([0-9a-fA-F]{64}) [ *](\S+)$/

/**
 * Reads the output of `sha256sum`: file name to lower-case hex. `name` is what messages call the file.
 * Throws CHECKSUM_MISMATCH for everything that leaves a doubt: other lines, short hashes, names with a path, one name with two hashes.
 */
export function parseChecksumFile(text: string, name: string): ReadonlyMap<string, string> {
  const hashes = new Map<string, string>()
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trimEnd()
    if (line === '') continue
    const [, hash, file] = grammar.exec(line) ?? []
    if (hash === undefined || file === undefined) refuse(name, `line ${index + 1} is not a SHA-256 checksum and a file name`)
    if (/[/\\]/.test(file)) refuse(name, `line ${index + 1} names a file with a path`)
    const known = hashes.get(file)
    if (known !== undefined && known !== hash.toLowerCase())
      refuse(name, `line ${index + 1} gives a second, different checksum for one file`)
    hashes.set(file, hash.toLowerCase())
  }
  if (hashes.size === 0) refuse(name, 'it contains no checksums')
  return hashes
}
