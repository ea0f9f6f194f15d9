import { Transform } from 'node:stream'
import zlib from 'node:zlib'
import type { Compression } from './decompress.ts'

/** How a bundle of this name is compressed, as in `k3s.tar.zst`; undefined for a plain `.tar`, null for a name that is none of a bundle. */
export function compressionOfName(file: string): Compression | undefined | null {
  if (file.endsWith('.tar')) return undefined
  if (/\.(?:tar\.gz|tgz)$/.test(file)) return 'gzip'
  return /\.(?:tar\.zst|tzst)$/.test(file) ? 'zstd' : null
}

/** Members of node:zlib that Node has from 22.15 on. */
interface ZstdOfNode {
  createZstdCompress?(): Transform
}

/** A stream that compresses; the same bytes give the same bytes in the same version of Node. Layers are compressed already, so that it does not try hard. */
export async function createCompressor(compression: Compression): Promise<Transform> {
  if (compression === 'gzip') return zlib.createGzip({ level: 1 })
  return (zlib as ZstdOfNode).createZstdCompress?.() ?? (await zstdInWasm())
}

const frameBytes = 4 * 1024 * 1024
const zstdLevel = 3

type Compress = (bytes: Uint8Array, level: number) => Uint8Array

let compressing: Promise<Compress> | undefined

/** Loaded once: a second instance would take the memory of the first. */
function loadCompress(): Promise<Compress> {
  compressing ??= import('@bokuweb/zstd-wasm').then(async ({ init, compress }) => {
    await init()
    return compress
  })
  return compressing
}

/** One frame for every 4 MiB: frames one behind the other are a zstd file. https://www.rfc-editor.org/rfc/rfc8878#section-3.1 */
async function zstdInWasm(): Promise<Transform> {
  const compress = await loadCompress()
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
          this.push(compress(frame, zstdLevel))
          filled = 0
        }
      }
      done()
    },
    flush(done) {
      if (filled > 0) this.push(compress(frame.subarray(0, filled), zstdLevel))
      done()
    },
  })
}
