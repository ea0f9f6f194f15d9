import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { blobCheck, openVerified } from '../../src/copy/verified-content.ts'
import { BlobStream } from '../../src/fan-out/blob-stream.ts'
import type { ImageSource } from '../../src/oci/image-source.ts'
import { contentOf, tinyBlob } from '../layout/tiny-image.ts'
import { until } from '../servers/until.ts'

const repository = { registry: 'docker.io', path: 'rancher/a' }
const megabyte = 1024 * 1024

/** A stream of random bytes in small chunks, and the offsets at which it was opened. */
function streamOf(size: number, isWanted = (): boolean => false) {
  const { bytes, descriptor } = tinyBlob(randomBytes(size))
  const offsets: number[] = []
  const source: Pick<ImageSource, 'getBlob'> = {
    async getBlob(_repository, _descriptor, { offset = 0 } = {}) {
      offsets.push(offset)
      return contentOf(bytes.subarray(offset), 60_000)
    },
  }
  const check = blobCheck(repository, descriptor)
  const stream = new BlobStream({
    size,
    check,
    open: (signal) => openVerified(source as ImageSource, repository, descriptor, { check, signal }),
    isWanted,
    onChange: () => undefined,
  })
  return { bytes, stream, offsets }
}

/** A sink that keeps what it gets, and takes nothing more once it has so many bytes. */
function holding(most: number) {
  const chunks: Buffer[] = []
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  let isOpen = false
  const sink = (chunk: Uint8Array): void | Promise<void> => {
    if (!isOpen && Buffer.concat(chunks).length >= most) {
      return opened.then(() => void chunks.push(Buffer.from(chunk)))
    }
    chunks.push(Buffer.from(chunk))
  }
  return { sink, bytes: () => Buffer.concat(chunks), open: () => ((isOpen = true), open()) }
}

test('gives every reader the same bytes, at its own speed, with one reading of the source', async () => {
  const { bytes, stream, offsets } = streamOf(3 * megabyte)
  const fast = holding(Infinity)
  const slow = holding(100_000)
  const readers = [fast, slow].map(({ sink }) => stream.read(stream.join({}), sink, undefined))
  assert.equal(await readers[0], 'whole')
  assert.ok(slow.bytes().length < bytes.length)
  slow.open()
  assert.equal(await readers[1], 'whole')
  assert.deepEqual(fast.bytes(), Buffer.from(bytes))
  assert.deepEqual(slow.bytes(), Buffer.from(bytes))
  assert.deepEqual(offsets, [0])
})

test('lets a reader go that falls behind, with every byte up to where the check of the rest begins', async () => {
  const { bytes, stream } = streamOf(12 * megabyte)
  const fast = holding(Infinity)
  const slow = holding(100_000)
  const late = stream.join({})
  const readers = [fast, slow].map(({ sink }) => stream.read(stream.join({}), sink, undefined))
  assert.equal(await readers[0], 'whole')
  slow.open()
  const check = await readers[1]
  assert.ok(check !== undefined && check !== 'whole')
  assert.ok(check.received > 4 * megabyte && check.received < 8 * megabyte)
  assert.deepEqual(slow.bytes(), Buffer.from(bytes.subarray(0, check.received)))
  // The hash of what it got continues where the stream has left it.
  check.take(bytes.subarray(check.received))
  assert.equal(await stream.read(late, () => assert.fail('a byte of a stream that has gone'), undefined), undefined)
  assert.equal(stream.canJoin, false)
})

test('is useful until its readers have stored the blob', async () => {
  const { stream } = streamOf(megabyte)
  const owner = {}
  assert.equal(stream.isUseful, false)
  await stream.read(stream.join(owner), () => undefined, undefined)
  assert.deepEqual([stream.isUseful, stream.canJoin], [true, false])
  stream.settled(owner)
  assert.equal(stream.isUseful, false)
})

test('continues for a reader after the one that began it has failed', async () => {
  const { bytes, stream, offsets } = streamOf(3 * megabyte)
  const other = holding(Infinity)
  const begun = stream.join({})
  const reader = stream.join({})
  await assert.rejects(
    stream.read(begun, () => Promise.reject(new Error('the destination died')), undefined),
    /the destination died/,
  )
  await setImmediate()
  assert.equal(await stream.read(reader, other.sink, undefined), 'whole')
  assert.deepEqual(other.bytes(), Buffer.from(bytes))
  // Without a reader the connection is given back, and opened again at its byte.
  assert.deepEqual(offsets.length, 2)
})

test('gives its connection back where readers hold it up and another blob waits for one', async () => {
  const { bytes, stream, offsets } = streamOf(3 * megabyte, () => true)
  const slow = holding(100_000)
  const whole = stream.read(stream.join({}), slow.sink, undefined)
  const since = stream.held
  await until(() => stream.held - since > 2500)
  slow.open()
  assert.equal(await whole, 'whole')
  assert.deepEqual(slow.bytes(), Buffer.from(bytes))
  assert.equal(offsets.length, 2)
})
