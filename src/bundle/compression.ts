import { Transform, type Duplex, type Writable } from 'node:stream'
import zlib from 'node:zlib'
import { Changes } from '../async/changes.ts'
import { MirrorError } from '../errors.ts'
import { shellQuoted } from '../text/shell-quoted.ts'
import { zstdBlocks } from './zstd-blocks.ts'

/** How an archive is compressed; undefined where it is not. */
export type Compression = 'gzip' | 'zstd'

/** The compression that a file's first bytes name: https://www.rfc-editor.org/rfc/rfc1952 and https://www.rfc-editor.org/rfc/rfc8878 */
export function detectCompression(start: Uint8Array): Compression | undefined {
  const [a = 0, b = 0, c = 0, d = 0] = start
  if (a === 0x1f && b === 0x8b) return 'gzip'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  return a >= 0x50 && a <= 0x5f && b === 0x2a && c === 0x4d && d === 0x18 ? 'zstd' : undefined
}

/** How a bundle of this name is compressed, as in `k3s.tar.zst`; undefined for a plain `.tar`, null for a name that no bundle has. */
export function compressionOfName(file: string): Compression | undefined | null {
  if (file.endsWith('.tar')) return undefined
  if (/\.(?:tar\.gz|tgz)$/.test(file)) return 'gzip'
  return /\.(?:tar\.zst|tzst)$/.test(file) ? 'zstd' : null
}

/** A compression or an archive format that is recognised only to be refused by its name. */
interface UnsupportedCompression {
  readonly name: string
  /** First bytes of a file, in hexadecimal digits. */
  readonly magic: string
  /** The ending that files of it have, as in `k3s.tar.xz`. */
  readonly ending: string
  /** What decompresses it for a shell, with `IN` and `OUT` in place of both files. */
  readonly command: string
}

const unsupported: readonly UnsupportedCompression[] = [
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
  return unsupported.find((one) => hex.startsWith(one.magic) && isMeant(one, start))
}

/** The error for a file of such a compression, with the command that makes a tar of it. */
export function refuseCompression(path: string, { name, ending, command }: UnsupportedCompression): MirrorError {
  const plain = (path.endsWith(ending) ? path.slice(0, -ending.length) : path).replace(/\.(?:t[bx]z2?|tlz)$/, '.tar')
  const names: Readonly<Record<string, string>> = { IN: path, OUT: plain === path ? `${path}.tar` : plain }
  return new MirrorError('UNSUPPORTED', `${path} is compressed with ${name}: only gzip and zstd are supported`, {
    hint: `decompress it first with ${command.replace(/IN|OUT/g, (name) => shellQuoted(names[name] ?? ''))}`,
  })
}

/** Members of node:zlib that Node has from 22.15 on. */
const zstdOfNode = zlib as { createZstdCompress?(): Transform; createZstdDecompress?(): Duplex }

/** What compressed bytes become. All that comes before a failure is given before it is thrown, so that what is had of a damaged file does not depend on time. */
export async function* decompress(compressed: AsyncIterable<Uint8Array>, compression: Compression): AsyncGenerator<Uint8Array> {
  if (compression === 'gzip') return yield* throughStream(compressed, zlib.createGunzip())
  // Data outside the frames is reported the same way by both decoders.
  const blocks = zstdBlocks(compressed)
  const stream = zstdOfNode.createZstdDecompress?.()
  yield* stream === undefined ? decodeInWasm(blocks) : throughStream(blocks, stream)
}

/** Its iterator would drop what lies in the stream's buffer when an error comes. */
async function* throughStream(compressed: AsyncIterable<Uint8Array>, stream: Duplex): AsyncGenerator<Uint8Array> {
  const changes = new Changes()
  let failure: { readonly error: unknown } | undefined
  let hasEnded = false
  const fail = (error: unknown): void => {
    failure ??= { error }
    changes.notify()
  }
  stream.on('readable', () => changes.notify()).on('error', fail)
  stream.on('end', () => {
    hasEnded = true
    changes.notify()
  })
  const feeding = feed(compressed, stream).catch(fail)
  try {
    for (;;) {
      const chunk = stream.read() as Uint8Array | null
      if (chunk !== null) yield chunk
      else if (failure !== undefined) throw failure.error
      else if (hasEnded) return
      else await changes.next()
    }
  } finally {
    stream.destroy()
    await feeding
  }
}

/** The stream is ended once it has taken everything: ended with the last chunk, it would cost what that chunk gives where something is missing. */
async function feed(compressed: AsyncIterable<Uint8Array>, stream: Duplex): Promise<void> {
  for await (const chunk of compressed) await writeChunk(stream, chunk)
  stream.end()
}

/** Writes a chunk and waits until the stream has taken it; rejects where the stream is closed, as it is when its reader leaves. */
export function writeChunk(stream: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    // A stream that is closed forgets its callback.
    const leave = (): void => reject(stream.errored ?? new DOMException('the stream was closed', 'AbortError'))
    stream.once('close', leave)
    stream.write(chunk, (error) => {
      stream.off('close', leave)
      return error ? leave() : resolve()
    })
  })
}

/** Of each block the decoder takes all at once. One that it cannot decode it takes again and again, without an error: then it does not take the next. */
async function* decodeInWasm(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { ZSTDDecoder } = await import('zstddec/stream')
  const decoder = new ZSTDDecoder()
  await decoder.init()
  let next: Uint8Array | undefined
  /** The decoder cannot wait for bytes: it gets each block when it is there. */
  function* input(): Generator<Uint8Array> {
    for (let taken = next; taken !== undefined; taken = next) {
      next = undefined
      yield taken
    }
  }
  const decoding = decoder.decodeStreaming(input())
  for await (const block of blocks) {
    next = block
    const { value, done } = decoding.next()
    if (done === true || next !== undefined) throw new Error('a zstd frame is damaged, or its window is too large')
    if (value.length > 0) yield value
  }
  if (decoding.next().done !== true) throw new Error('a zstd frame is damaged')
}

const frameBytes = 4 * 1024 * 1024
const zstdLevel = 3

type Encode = (bytes: Uint8Array, level: number) => Uint8Array

let encoder: Promise<Encode> | undefined

/** A stream that compresses; the same bytes give the same bytes in the same version of Node. Layers are compressed already, so that it does not try hard. */
export async function createCompressor(compression: Compression): Promise<Transform> {
  if (compression === 'gzip') return zlib.createGzip({ level: 1 })
  const stream = zstdOfNode.createZstdCompress?.()
  if (stream !== undefined) return stream
  // Loaded once: a second instance would take the memory of the first.
  encoder ??= import('@bokuweb/zstd-wasm').then(async ({ init, compress }) => {
    await init()
    return compress
  })
  return encodeInWasm(await encoder)
}

/** One frame for every 4 MiB: frames one behind the other are a zstd file. https://www.rfc-editor.org/rfc/rfc8878#section-3.1 */
function encodeInWasm(encode: Encode): Transform {
  const frame = Buffer.alloc(frameBytes)
  let filled = 0
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      for (let at = 0; at < chunk.length;) {
        const piece = chunk.subarray(at, at + frameBytes - filled)
        frame.set(piece, filled)
        filled += piece.length
        at += piece.length
        if (filled === frameBytes) {
          this.push(encode(frame, zstdLevel))
          filled = 0
        }
      }
      done()
    },
    flush(done) {
      if (filled > 0) this.push(encode(frame.subarray(0, filled), zstdLevel))
      done()
    },
  })
}
