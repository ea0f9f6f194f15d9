import { MirrorError } from '../errors.ts'

/** A compression or an archive format that is recognised only to be refused by its name. */
export interface UnsupportedCompression {
  readonly name: string
  /** The ending that files of it have, as in `k3s.tar.xz`. */
  readonly ending: RegExp
  /** The command that makes `output` of `input`, both quoted for a shell. */
  readonly command: (input: string, output: string) => string
}

interface Known extends UnsupportedCompression {
  readonly magic: readonly number[]
}

const to =
  (program: string) =>
  (input: string, output: string): string =>
    `${program} ${input} > ${output}`

/** By the first bytes of a file, the longest first where one begins as another does. */
const known: readonly Known[] = [
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], ending: /\.xz$/, command: to('xz -dc') },
  { name: 'lz4', magic: [0x04, 0x22, 0x4d, 0x18], ending: /\.lz4$/, command: (input, output) => `lz4 -d ${input} ${output}` },
  { name: 'lz4', magic: [0x02, 0x21, 0x4c, 0x18], ending: /\.lz4$/, command: (input, output) => `lz4 -d ${input} ${output}` },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68], ending: /\.bz2$/, command: to('bzip2 -dc') },
  { name: 'lzip', magic: [0x4c, 0x5a, 0x49, 0x50, 0x01], ending: /\.lz$/, command: to('lzip -dc') },
  { name: 'lzop', magic: [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a], ending: /\.lzo$/, command: to('lzop -dc') },
  { name: 'lzma', magic: [0x5d, 0x00, 0x00], ending: /\.lzma$/, command: to('xz --format=lzma -dc') },
  { name: 'compress', magic: [0x1f, 0x9d], ending: /\.Z$/, command: to('gzip -dc') },
  { name: 'zip', magic: [0x50, 0x4b, 0x03, 0x04], ending: /\.zip$/, command: to('unzip -p') },
  { name: '7z', magic: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], ending: /\.7z$/, command: to('7z e -so') },
  { name: 'rar', magic: [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07], ending: /\.rar$/, command: to('unrar p -inul') },
]

/** What follows `BZh` and the size of blocks: the magic number of a block, or that of the end. */
const bzip2Blocks = [Buffer.from('314159265359', 'hex'), Buffer.from('177245385090', 'hex')]

/** False for a tar archive that begins with the same bytes, because the name of its first file does. */
function isMeant({ name }: Known, start: Uint8Array): boolean {
  if (name === 'bzip2') return bzip2Blocks.some((magic) => magic.equals(start.subarray(4, 10)))
  // Of a tar archive whose first file is "]" the dictionary would have no bytes.
  if (name === 'lzma') return (start[3] !== 0 || start[4] !== 0) && start[12] === start[11] && (start[12] === 0 || start[12] === 0xff)
  return true
}

/** First bytes of a file that are looked at. */
export const unsupportedMagicBytes = 13

/** The compression that a file's first bytes name and that is not supported; undefined for all others. */
export function detectUnsupported(start: Uint8Array): UnsupportedCompression | undefined {
  return known.find((one) => one.magic.every((byte, at) => start[at] === byte) && isMeant(one, start))
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}

/** The error for a file of such a compression, with the command that makes a tar of it. */
export function refuseCompression(path: string, { name, ending, command }: UnsupportedCompression): MirrorError {
  const plain = path.replace(ending, '').replace(/\.(?:t[bx]z2?|tlz)$/, '.tar')
  const output = plain === path ? `${path}.tar` : plain
  return new MirrorError('UNSUPPORTED', `${path} is compressed with ${name}: only gzip and zstd are supported`, {
    hint: `Decompress it first: ${command(quoted(path), quoted(output))}`,
  })
}
