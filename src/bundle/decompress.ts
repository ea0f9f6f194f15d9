import { Duplex } from 'node:stream'
import zlib from 'node:zlib'

/** How an archive is compressed; undefined where it is not. */
export type Compression = 'gzip' | 'zstd'

/** Bytes that tell a compression. */
export const magicBytes = 4

/**
 * The compression that a file's first bytes name: gzip (https://www.rfc-editor.org/rfc/rfc1952), or a zstd frame, a skippable one included
 * (https://www.rfc-editor.org/rfc/rfc8878).
 */
export function detectCompression(start: Uint8Array): Compression | undefined {
  const [a = 0, b = 0, c = 0, d = 0] = start
  if (a === 0x1f && b === 0x8b) return 'gzip'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  return a >= 0x50 && a <= 0x5f && b === 0x2a && c === 0x4d && d === 0x18 ? 'zstd' : undefined
}

/** Members of node:zlib that Node has from 22.15 on. */
interface ZstdOfNode {
  createZstdDecompress?(): Duplex
}

/** A stream that decompresses; what is damaged or cut off is its error. */
export async function createDecompressor(compression: Compression): Promise<Duplex> {
  if (compression === 'gzip') return zlib.createGunzip()
  return (zlib as ZstdOfNode).createZstdDecompress?.() ?? (await zstdInScript())
}

/** Bytes that are decompressed before what came of them is passed on: four bytes can become 128 KiB. https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.2 */
const stepBytes = 1024

async function zstdInScript(): Promise<Duplex> {
  const { Decompress } = await import('fzstd')
  let pieces: Uint8Array[] = []
  const decoder = new Decompress((piece) => void pieces.push(piece))
  const decode = (chunk: Uint8Array, isLast: boolean): readonly Uint8Array[] => {
    pieces = []
    decoder.push(chunk, isLast)
    return pieces
  }
  return Duplex.from(async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += stepBytes) yield* decode(chunk.subarray(at, at + stepBytes), false)
    }
    yield* decode(new Uint8Array(0), true)
  })
}
