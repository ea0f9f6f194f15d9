import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExpectedContent } from '../../src/layout/expected-content.ts'
import { sha256 } from '../../src/oci/digest.ts'

const hour = 3_600_000
const [x, y] = ['rancher/x', 'rancher/y'].map((path) => ({ registry: 'docker.io', path })) as [
  { registry: string; path: string },
  { registry: string; path: string },
]
const digest = sha256(Buffer.from('content'))

test('content is expected for each repository until a manifest of that one refers to it', () => {
  const expected = new ExpectedContent()
  expected.expect(x, digest)
  expected.expect(y, digest)
  expected.fulfil(x, [digest])
  assert.deepEqual([expected.has(digest, hour), expected.has(digest, hour, x), expected.has(digest, hour, y)], [true, false, true])
  expected.fulfil(y, [digest])
  assert.equal(expected.has(digest, hour), false)
})

test('a grace period of 0 keeps nothing', () => {
  const expected = new ExpectedContent()
  expected.expect(x, digest)
  assert.deepEqual([expected.has(digest, 0), expected.has(digest, 0, x)], [false, false])
})

test('released content that a client expects again is not released any more', () => {
  const expected = new ExpectedContent()
  expected.release([digest])
  assert.deepEqual([...expected.released], [digest])
  expected.expect(x, digest)
  assert.equal(expected.released.size, 0)
})

test('clients cannot make it remember without end: the oldest goes first', () => {
  const expected = new ExpectedContent()
  const digests = Array.from({ length: 50_001 }, (_, at) => sha256(Buffer.from(String(at))))
  for (const one of digests) expected.expect(x, one)
  assert.deepEqual([expected.has(digests[0] ?? digest, hour), expected.has(digests.at(-1) ?? digest, hour)], [false, true])
  for (let at = 0; at < 60_000; at++) expected.expect({ registry: 'docker.io', path: `rancher/${at}` }, digest)
  assert.deepEqual([expected.has(digests.at(-1) ?? digest, hour), expected.has(digest, hour)], [false, true])
})
