import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { createCompressor } from '../../src/bundle/compress.ts'
import { createDecompressor, detectCompression } from '../../src/bundle/decompress.ts'

async function compress(bytes: Uint8Array, compression: 'gzip' | 'zstd'): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  await pipeline(Readable.from([bytes]), await createCompressor(compression), async (pieces: AsyncIterable<Uint8Array>) => {
    for await (const piece of pieces) chunks.push(piece)
  })
  return Buffer.concat(chunks)
}

async function decompress(
  input: readonly Uint8Array[],
  compression: 'gzip' | 'zstd',
): Promise<{ readonly size: number; readonly memory: number }> {
  const before = process.memoryUsage().arrayBuffers
  let size = 0
  let memory = 0
  await pipeline(Readable.from(input), await createDecompressor(compression), async (pieces: AsyncIterable<Uint8Array>) => {
    for await (const piece of pieces) {
      size += piece.length
      memory = Math.max(memory, process.memoryUsage().arrayBuffers - before)
    }
  })
  return { size, memory }
}

for (const compression of ['gzip', 'zstd'] as const) {
  test(`${compression} is told by its first bytes, and what was compressed comes back, frame after frame`, async () => {
    const bytes = Buffer.alloc(9_000_000, 'the same words again and again; ')
    const compressed = await compress(bytes, compression)
    assert.equal(detectCompression(compressed), compression)
    assert.equal((await decompress([compressed, compressed], compression)).size, 2 * bytes.length)
  })

  test(`${compression} that ends in the middle is an error`, async () => {
    const compressed = await compress(Buffer.alloc(9_000_000, 'x'), compression)
    await assert.rejects(decompress([compressed.subarray(0, compressed.length - 5)], compression))
  })
}

test('some bytes that become a gigabyte never stand in memory all at once', async () => {
  const frame = await compress(Buffer.alloc(32 * 1024 * 1024), 'zstd')
  const bomb = Buffer.concat(Array.from({ length: 32 }, () => frame))
  const { size, memory } = await decompress([bomb], 'zstd')
  assert.equal(size, 1024 ** 3)
  assert.ok(memory < 256 * 1024 * 1024, `${memory} bytes at once`)
})

test('a skippable frame is one of zstd, and a tar archive is not compressed', () => {
  assert.equal(detectCompression(Buffer.from([0x5a, 0x2a, 0x4d, 0x18])), 'zstd')
  assert.equal(detectCompression(Buffer.from('k3s-mirror.json')), undefined)
  assert.equal(detectCompression(new Uint8Array()), undefined)
})
