import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseChunkRange } from '../../src/oci/content-range.ts'
import { parseByteRange } from '../../src/registry-server/blobs.ts'
import { tinyBlob, tinyImage } from '../layout/tiny-image.ts'
import { startRegistry } from './start-registry.ts'

const blob = tinyBlob(randomBytes(2048))
const path = `/v2/a/b/blobs/${blob.descriptor.digest}`
const upload = `/v2/a/b/blobs/uploads/?digest=${blob.descriptor.digest}`

test('serves a whole blob with its headers, and the headers only for HEAD', async () => {
  await using registry = await startRegistry()
  await registry.call('POST', upload, { body: blob.bytes })
  const got = await registry.call('GET', path)
  const head = await registry.call('HEAD', path)
  assert.deepEqual(got.body, blob.bytes)
  assert.equal(head.body.length, 0)
  for (const { status, headers } of [got, head]) {
    assert.equal(status, 200)
    assert.equal(headers['content-length'], '2048')
    assert.equal(headers['docker-content-digest'], blob.descriptor.digest)
    assert.equal(headers['accept-ranges'], 'bytes')
  }
  assert.equal((await registry.call('GET', path, { headers: { 'if-none-match': `"${blob.descriptor.digest}"` } })).status, 304)
})

test('serves ranges as RFC 9110 and the conformance suite require', async () => {
  await using registry = await startRegistry()
  await registry.call('POST', upload, { body: blob.bytes })
  const cases: [string, number, number, number][] = [
    ['bytes=500-1499', 206, 500, 1500],
    ['bytes=500-', 206, 500, 2048],
    ['bytes=-500', 206, 1548, 2048],
    ['bytes=-5000', 206, 0, 2048],
    ['bytes=2000-5000', 206, 2000, 2048],
    ['bytes=0-0', 206, 0, 1],
    ['bytes=500-0', 416, 0, 0],
    ['bytes=5000-10000', 416, 0, 0],
    ['bytes=2048-', 416, 0, 0],
    ['bytes=-0', 416, 0, 0],
    ['bytes=0-1,5-6', 200, 0, 2048],
    ['lines=1-2', 200, 0, 2048],
    ['bytes=-', 200, 0, 2048],
  ]
  for (const [range, status, start, end] of cases) {
    const answer = await registry.call('GET', path, { headers: { range } })
    assert.equal(answer.status, status, range)
    if (status === 416) {
      assert.equal(answer.headers['content-range'], 'bytes */2048')
      continue
    }
    assert.deepEqual(answer.body, blob.bytes.subarray(start, end), range)
    assert.equal(answer.headers['content-length'], String(end - start))
    if (status === 206) assert.equal(answer.headers['content-range'], `bytes ${start}-${end - 1}/2048`)
  }
  const changed = await registry.call('GET', path, { headers: { range: 'bytes=5-9', 'if-range': '"other"' } })
  assert.equal(changed.status, 200)
  const same = await registry.call('GET', path, { headers: { range: 'bytes=5-9', 'if-range': `"${blob.descriptor.digest}"` } })
  assert.equal(same.status, 206)
})

test('answers BLOB_UNKNOWN for a missing blob and DIGEST_INVALID for an invalid digest', async () => {
  await using registry = await startRegistry()
  const missing = await registry.call('GET', path)
  assert.deepEqual([missing.status, missing.code], [404, 'BLOB_UNKNOWN'])
  for (const digest of ['sha256:1', 'md5:d41d8cd98f00b204e9800998ecf8427e', `sha256:${'A'.repeat(64)}`, 'x']) {
    const answer = await registry.call('GET', `/v2/a/b/blobs/${digest}`)
    assert.deepEqual([answer.status, answer.code], [400, 'DIGEST_INVALID'])
  }
})

test('deletes a blob only while no manifest refers to it', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  const layer = `/v2/a/b/blobs/${image.blobs[0]?.descriptor.digest}`
  assert.equal((await registry.call('DELETE', layer)).status, 405)
  assert.equal((await registry.call('DELETE', `/v2/a/b/manifests/${image.root.descriptor.digest}`)).status, 202)
  assert.equal((await registry.call('DELETE', layer)).status, 202)
  assert.equal((await registry.call('HEAD', layer)).status, 404)
  assert.equal((await registry.call('DELETE', layer)).status, 404)
})

test('parses any Range header to a range inside the content', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
      ),
      fc.nat(5000),
      (header, size) => {
        const range = parseByteRange(header, size)
        if (typeof range === 'object') assert.ok(range.start >= 0 && range.start <= range.end && range.end < size)
        const content = parseChunkRange(header)
        if (content !== undefined) assert.ok(content.start <= content.end)
      },
    ),
  )
  assert.deepEqual(parseChunkRange('0-9'), { start: 0, end: 9, total: undefined })
  assert.deepEqual(parseChunkRange('bytes 0-9/*'), { start: 0, end: 9, total: undefined })
  for (const header of ['', '9-0', '-5', '5-', 'a-b', '0-9/x']) assert.equal(parseChunkRange(header), undefined)
})
