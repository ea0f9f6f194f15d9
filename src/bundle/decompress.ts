import type { Duplex } from 'node:stream'
import zlib from 'node:zlib'
import { Changes } from '../async/changes.ts'
import { zstdParts } from './zstd-parts.ts'

/** How an archive is compressed; undefined where it is not. */
export type Compression = 'gzip' | 'zstd'

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

/**
 * What compressed bytes become. All that comes before a failure is given before it is thrown: where something is damaged or cut off, so that what can be
 * had of it does not depend on time.
 */
export async function* decompress(compressed: AsyncIterable<Uint8Array>, compression: Compression): AsyncGenerator<Uint8Array> {
  if (compression === 'gzip') return yield* throughStream(compressed, zlib.createGunzip())
  // Whichever decodes them, what is no part of a frame is told the same way.
  const parts = zstdParts(compressed)
  const stream = (zlib as ZstdOfNode).createZstdDecompress?.()
  yield* stream === undefined ? zstdInWasm(parts) : throughStream(parts, stream)
}

/** Its iterator would drop what lies in the stream's buffer when an error comes. */
async function* throughStream(compressed: AsyncIterable<Uint8Array>, stream: Duplex): AsyncGenerator<Uint8Array> {
  const changes = new Changes()
  let failure: { readonly error: unknown } | undefined
  let hasEnded = false
  const fail = (error: unknown): void => {
    failure ??= { error }
    changes.tell()
  }
  stream.on('readable', () => changes.tell()).on('error', fail)
  stream.on('end', () => {
    hasEnded = true
    changes.tell()
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

/** The end is told once all before it has been taken: with the last chunk, it would cost what that chunk gives where something is missing. */
async function feed(compressed: AsyncIterable<Uint8Array>, stream: Duplex): Promise<void> {
  for await (const chunk of compressed) {
    await new Promise<void>((resolve, reject) => {
      // A stream that fails forgets its callback.
      stream.once('close', reject)
      stream.write(chunk, (error) => {
        stream.off('close', reject)
        return error ? reject(error) : resolve()
      })
    })
  }
  stream.end()
}

/** Hands a decoder, which cannot wait for bytes, one part after another. */
class DecoderInput {
  /** Empty once the decoder has taken it. */
  next: Uint8Array | undefined;

  *[Symbol.iterator](): Generator<Uint8Array> {
    for (let taken = this.next; taken !== undefined; taken = this.next) {
      this.next = undefined
      yield taken
    }
  }
}

/** Of each part the decoder takes all at once. One that it cannot decode it takes again and again, without an error: then it does not take the next. */
async function* zstdInWasm(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { ZSTDDecoder } = await import('zstddec/stream')
  const decoder = new ZSTDDecoder()
  await decoder.init()
  const input = new DecoderInput()
  const decoding = decoder.decodeStreaming(input)
  for await (const part of parts) {
    input.next = part
    const { value, done } = decoding.next()
    if (done === true || input.next !== undefined) throw new Error('a zstd frame is damaged, or its window is too large')
    if (value.length > 0) yield value
  }
  if (decoding.next().done !== true) throw new Error('a zstd frame is damaged')
}
