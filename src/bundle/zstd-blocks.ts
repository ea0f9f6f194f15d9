/** Bytes of a block at most: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.2.4 */
const maxBlockBytes = 128 * 1024
const frameMagic = 0xfd2fb528
const skippableMagic = 0x184d2a50

/** Takes so many bytes at a time from chunks of any size. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  #held: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  async #fill(size: number): Promise<void> {
    while (this.#held.length < size) {
      const { value, done } = await this.#chunks.next()
      if (done === true) return
      this.#held = this.#held.length === 0 ? Buffer.from(value.buffer, value.byteOffset, value.length) : Buffer.concat([this.#held, value])
    }
  }

  async isAtEnd(): Promise<boolean> {
    await this.#fill(1)
    return this.#held.length === 0
  }

  async take(size: number): Promise<Buffer> {
    await this.#fill(size)
    if (this.#held.length < size) throw new Error('unexpected end of file')
    const taken = this.#held.subarray(0, size)
    this.#held = this.#held.subarray(size)
    return taken
  }

  async skip(size: number): Promise<void> {
    for (let left = size; left > 0;) {
      await this.#fill(1)
      left -= (await this.take(Math.max(1, Math.min(left, this.#held.length)))).length
    }
  }

  /** Lets go of the chunks that were not asked for. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}

/** Bytes of a frame's header behind its magic number and its descriptor: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1 */
function headerBytes(descriptor: number): number {
  if ((descriptor & 0x08) !== 0) throw new Error('a frame header has its reserved bit set')
  const hasWindow = (descriptor & 0x20) === 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeFlag = descriptor >> 6
  const sizeBytes = sizeFlag === 0 ? (hasWindow ? 0 : 1) : 1 << sizeFlag
  return (hasWindow ? 1 : 0) + dictionaryBytes + sizeBytes
}

async function* frameBlocks(input: ByteReader, magic: Buffer): AsyncGenerator<Uint8Array> {
  const descriptor = await input.take(1)
  const flags = descriptor[0] ?? 0
  yield Buffer.concat([magic, descriptor, await input.take(headerBytes(flags))])
  for (let isLast = false; !isLast;) {
    const header = await input.take(3)
    const value = header.readUIntLE(0, 3)
    const type = (value >> 1) & 3
    isLast = (value & 1) === 1
    if (type === 3 || value >> 3 > maxBlockBytes) throw new Error('a block is of no known type, or too large')
    yield Buffer.concat([header, await input.take(type === 1 ? 1 : value >> 3)])
  }
  if ((flags & 0x04) !== 0) yield Buffer.from(await input.take(4))
}

/** Headers, blocks of at most 128 KiB and checksums of zstd frames, not decoded; throws for others: https://www.rfc-editor.org/rfc/rfc8878#section-3.1 */
export async function* zstdBlocks(compressed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = new ByteReader(compressed)
  try {
    while (!(await input.isAtEnd())) {
      const magic = Buffer.from(await input.take(4))
      const number = magic.readUInt32LE()
      if (number === frameMagic) yield* frameBlocks(input, magic)
      else if ((number & 0xfffffff0) === skippableMagic) await input.skip((await input.take(4)).readUInt32LE())
      else throw new Error('something else than a frame follows')
    }
  } finally {
    await input.close()
  }
}
