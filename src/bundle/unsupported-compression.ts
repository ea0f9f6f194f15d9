import { MirrorError } from '../errors.ts'

/** A compression or an archive format that is recognised only to be refused by its name. */
export interface UnsupportedCompression {
  readonly name: string
  /** First bytes of a file, in hexadecimal digits. */
  readonly magic: string
  /** The ending that files of it have, as in `k3s.tar.xz`. */
  readonly ending: string
  /** What decompresses it for a shell, with `IN` and `OUT` in place of both files. */
  readonly command: string
}

const known: readonly UnsupportedCompression[] = [
  { name: 'xz', magic: 'fd377a585a00', ending: '.xz', command: 'xz -dc IN > OUT' },
  { name: 'lz4', magic: '04224d18', ending: '.lz4', command: 'lz4 -d IN OUT' },
  { name: 'lz4', magic: '02214c18', ending: '.lz4', command: 'lz4 -d IN OUT' },
  { name: 'bzip2', magic: '425a68', ending: '.bz2', command: 'bzip2 -dc IN > OUT' },
  { name: 'lzip', magic: '4c5a495001', ending: '.lz', command: 'lzip -dc IN > OUT' },
  { name: 'lzop', magic: '894c5a4f000d0a1a0a', ending: '.lzo', command: 'lzop -dc IN > OUT' },
  { name: 'lzma', magic: '5d0000', ending: '.lzma', command: 'xz --format=lzma -dc IN > OUT' },
  { name: 'compress', magic: '1f9d', ending: '.Z', command: 'gzip -dc IN > OUT' },
  { name: 'zip', magic: '504b0304', ending: '.zip', command: 'unzip -p IN > OUT' },
  { name: '7z', magic: '377abcaf271c', ending: '.7z', command: '7z e -so IN > OUT' },
  { name: 'rar', magic: '526172211a07', ending: '.rar', command: 'unrar p -inul IN > OUT' },
]

/** What follows `BZh` and the size of blocks: the magic number of a block, or that of the end. */
const bzip2Blocks = [Buffer.from('314159265359', 'hex'), Buffer.from('177245385090', 'hex')]

/** False for a tar archive that begins with the same bytes, because the name of its first file does. */
function isMeant({ name }: UnsupportedCompression, start: Uint8Array): boolean {
  if (name === 'bzip2') return bzip2Blocks.some((magic) => magic.equals(start.subarray(4, 10)))
  // Of a tar archive whose first file is "]" the dictionary would have no bytes.
  if (name === 'lzma') return (start[3] !== 0 || start[4] !== 0) && start[12] === start[11] && (start[12] === 0 || start[12] === 0xff)
  return true
}

/** First bytes of a file that are looked at. */
export const unsupportedMagicBytes = 13

/** The compression that a file's first bytes name and that is not supported; undefined for all others. */
export function detectUnsupported(start: Uint8Array): UnsupportedCompression | undefined {
  const hex = Buffer.from(start).toString('hex', 0, unsupportedMagicBytes)
  return known.find((one) => hex.startsWith(one.magic) && isMeant(one, start))
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}

/** The error for a file of such a compression, with the command that makes a tar of it. */
export function refuseCompression(path: string, { name, ending, command }: UnsupportedCompression): MirrorError {
  const plain = (path.endsWith(ending) ? path.slice(0, -ending.length) : path).replace(/\.(?:t[bx]z2?|tlz)$/, '.tar')
  const names: Readonly<Record<string, string>> = { IN: path, OUT: plain === path ? `${path}.tar` : plain }
  return new MirrorError('UNSUPPORTED', `${path} is compressed with ${name}: only gzip and zstd are supported`, {
    hint: `Decompress it first: ${command.replace(/IN|OUT/g, (name) => quoted(names[name] ?? ''))}`,
  })
}
