import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { createCompressor, decompress, detectCompression } from '../../src/bundle/compression.ts'
import { requireServer } from '../servers/require-server.ts'

async function compress(bytes: Uint8Array, compression: 'gzip' | 'zstd'): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  await pipeline(Readable.from([bytes]), await createCompressor(compression), async (pieces: AsyncIterable<Uint8Array>) => {
    for await (const piece of pieces) chunks.push(piece)
  })
  return Buffer.concat(chunks)
}

async function* from(input: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of input) {
    await new Promise(setImmediate)
    yield chunk
  }
}

/** Bytes that come, and bytes that stand in memory at once. */
async function measure(
  input: readonly Uint8Array[],
  compression: 'gzip' | 'zstd',
): Promise<{ readonly size: number; readonly memory: number }> {
  const before = process.memoryUsage().arrayBuffers
  let size = 0
  let memory = 0
  for await (const piece of decompress(from(input), compression)) {
    size += piece.length
    memory = Math.max(memory, process.memoryUsage().arrayBuffers - before)
  }
  return { size, memory }
}

/** What comes of bytes, and whether an error ends it. */
async function read(input: Uint8Array, compression: 'gzip' | 'zstd'): Promise<{ readonly bytes: Buffer; readonly failed: boolean }> {
  const pieces: Uint8Array[] = []
  const step = 70_001
  const chunks = Array.from({ length: Math.ceil(input.length / step) }, (_, at) => input.subarray(at * step, (at + 1) * step))
  try {
    for await (const piece of decompress(from(chunks), compression)) pieces.push(piece)
    return { bytes: Buffer.concat(pieces), failed: false }
  } catch {
    return { bytes: Buffer.concat(pieces), failed: true }
  }
}

for (const compression of ['gzip', 'zstd'] as const) {
  test(`${compression} is detected by its first bytes and decompressed frame by frame`, async () => {
    const bytes = Buffer.alloc(9_000_000, 'the same words again and again; ')
    const compressed = await compress(bytes, compression)
    assert.equal(detectCompression(compressed), compression)
    assert.equal((await measure([compressed, compressed], compression)).size, 2 * bytes.length)
  })

  test(`${compression} that ends in the middle is an error`, async () => {
    const compressed = await compress(Buffer.alloc(9_000_000, 'x'), compression)
    await assert.rejects(measure([compressed.subarray(0, compressed.length - 5)], compression))
  })
}

test('some bytes that become a gigabyte never stand in memory all at once', async () => {
  const frame = await compress(Buffer.alloc(32 * 1024 * 1024), 'zstd')
  const bomb = Buffer.concat(Array.from({ length: 32 }, () => frame))
  const { size, memory } = await measure([bomb], 'zstd')
  assert.equal(size, 1024 ** 3)
  assert.ok(memory < 256 * 1024 * 1024, `${memory} bytes at once`)
})

/** Words in an order that repeats from far away. */
function farText(megabytes: number): Buffer {
  const block = randomBytes(1024 * 1024)
  return Buffer.concat(Array.from({ length: megabytes }, (_, at) => (at === 0 || at === megabytes - 1 ? block : randomBytes(1024 * 1024))))
}

const zstd = (input: Buffer, ...options: readonly string[]): Buffer =>
  execFileSync('zstd', ['--quiet', '--stdout', ...options], { input, maxBuffer: 1024 ** 3 })

test('zstd with windows up to 128 MiB, with frames that say nothing and frames that hold nothing', async (t) => {
  if (!requireServer(t, 'zstd')) return
  for (const [megabytes, long] of [
    [20, 25],
    [70, 27],
  ] as const) {
    const bytes = farText(megabytes)
    const compressed = zstd(bytes, `--long=${long}`, '-1')
    assert.ok(compressed.length < bytes.length - 900_000, 'the far repetition is used')
    const { bytes: back, failed } = await read(compressed, 'zstd')
    assert.ok(!failed && back.equals(bytes), `a window of 2^${long}`)
  }
  const skip = Buffer.alloc(80_000)
  for (let at = 0; at < skip.length; at += 8) skip.writeUInt32LE(0x184d2a50, at)
  const text = Buffer.from('between')
  const odd = Buffer.concat([skip, zstd(text), zstd(Buffer.alloc(0)), skip, zstd(text), skip])
  assert.deepEqual(await read(odd, 'zstd'), { bytes: Buffer.concat([text, text]), failed: false })
})

test('a window of more than 128 MiB, and a wrong checksum, are errors and no endless loop', async (t) => {
  if (!requireServer(t, 'zstd')) return
  const bytes = farText(3)
  assert.equal((await read(zstd(bytes, '--ultra', '-22', '--long=30', '--no-content-size'), 'zstd')).failed, true)
  const checked = zstd(bytes, '--check')
  checked[checked.length - 1] = (checked.at(-1) ?? 0) ^ 1
  const { bytes: back, failed } = await read(checked, 'zstd')
  assert.ok(failed && back.equals(bytes.subarray(0, back.length)), 'what came before the error is right')
})

test('what stands behind the last frame is an error', async (t) => {
  if (!requireServer(t, 'zstd')) return
  for (const more of ['x', 'more than a magic number', '\0'.repeat(20)]) {
    assert.equal((await read(Buffer.concat([zstd(Buffer.from('text')), Buffer.from(more)]), 'zstd')).failed, true)
  }
})

test('what comes of something that was cut off does not depend on time', async (t) => {
  if (!requireServer(t, 'zstd')) return
  const bytes = farText(3)
  for (const [compression, compressed] of [
    ['gzip', execFileSync('gzip', ['--stdout'], { input: bytes, maxBuffer: 1024 ** 3 })],
    ['zstd', zstd(bytes)],
  ] as const) {
    const cut = compressed.subarray(0, -3)
    const all = await Promise.all(Array.from({ length: 5 }, () => read(cut, compression)))
    for (const { bytes: back, failed } of all) {
      assert.ok(failed)
      assert.ok(back.equals(bytes.subarray(0, back.length)) && back.length >= bytes.length - 128 * 1024)
      assert.equal(back.length, all[0]?.bytes.length, compression)
    }
  }
})

test('a skippable frame is one of zstd, and a tar archive is not compressed', () => {
  assert.equal(detectCompression(Buffer.from([0x5a, 0x2a, 0x4d, 0x18])), 'zstd')
  assert.equal(detectCompression(Buffer.from('k3s-mirror.json')), undefined)
  assert.equal(detectCompression(new Uint8Array()), undefined)
})
