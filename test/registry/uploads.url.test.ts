import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ResponseHeaders } from '../../src/http/message.ts'
import { uploadUrl, withDigest } from '../../src/registry/uploads.ts'

const digest = `sha256:${'ab'.repeat(32)}` as const

function after(from: string, ...locations: readonly string[]): URL {
  const headers = new ResponseHeaders(new Map(locations.length === 0 ? [] : [['location', locations]]))
  return uploadUrl({ status: 202, headers, url: new URL(from), body: new Uint8Array() })
}
const from = 'https://r.example/v2/a/blobs/uploads/'

// F93
test('resolves every form of a Location to the same URL', () => {
  const place = 'https://r.example/v2/a/blobs/uploads/1?_state=x'
  for (const location of [
    place,
    '/v2/a/blobs/uploads/1?_state=x',
    '//r.example/v2/a/blobs/uploads/1?_state=x',
    'r.example/v2/a/blobs/uploads/1?_state=x',
    '1?_state=x',
  ]) {
    assert.equal(after(from, location).href, place, location)
  }
})

// F93
test('keeps the query byte for byte, and appends the digest', () => {
  const query = '?_state=a~b%7Ec%20d+e%2Ff%2fg=&sig=%3D%3D&x'
  const url = withDigest(after(from, `/v2/u${query}`), digest)
  assert.equal(url.href, `https://r.example/v2/u${query}&digest=${digest}`)
  assert.equal(withDigest(after(from, '/v2/u'), digest).href, `https://r.example/v2/u?digest=${digest}`)
  assert.equal(withDigest(after(from, '/v2/u?'), digest).href, `https://r.example/v2/u?digest=${digest}`)
  assert.equal(withDigest(after(from, '/v2/u?a=b#part'), digest).href, `https://r.example/v2/u?a=b&digest=${digest}`)
})

// F94
test('treats an omitted and an explicit default port as the same origin', () => {
  assert.equal(after('https://r.example:443/v2/', 'https://r.example/u').origin, 'https://r.example')
  assert.equal(after(from, 'https://r.example:443/u').origin, 'https://r.example')
  assert.equal(after(from, 'r.example:443/u').href, 'https://r.example/u')
  assert.equal(after('http://r.example:5000/v2/', 'r.example:5000/u').href, 'http://r.example:5000/u')
})

// F95
test('rejects an upload without a Location or with two', () => {
  assert.throws(() => after(from), { code: 'PROTOCOL', message: /without a Location header/ })
  assert.throws(() => after(from, '/a', '/b'), { code: 'PROTOCOL', message: /two Location headers/ })
  assert.throws(() => after(from, 'https://'), { code: 'PROTOCOL', message: /an invalid upload URL/ })
})

// F93
test('keeps https for an http Location at the same host, and rejects http at another host', () => {
  assert.equal(after(from, 'http://r.example/u?x=1').href, 'https://r.example/u?x=1')
  assert.equal(after('https://r.example:8443/v2/', 'http://r.example/u').href, 'https://r.example:8443/u')
  for (const location of [
    'http://other.example/u',
    'http://r.example:8080/u',
    'ftp://r.example/u',
    'file:///etc/passwd',
    'null://r.example/u',
  ]) {
    assert.throws(() => after(from, location), { code: 'REFUSED_ADDRESS' }, location)
  }
})

// F89
test('rejects a Location at a link-local or metadata address', () => {
  for (const location of [
    'https://169.254.169.254/u',
    'https://127.0.0.1/u',
    'https://10.0.0.1/u',
    'https://[::1]/u',
    'https://0.0.0.0/u',
    'https://metadata.google.internal/u',
  ]) {
    assert.throws(() => after(from, location), { code: 'REFUSED_ADDRESS' }, location)
  }
  assert.equal(after(from, 'https://cdn.example/u').host, 'cdn.example', 'another public host is where some registries keep their blobs')
  assert.equal(after('http://127.0.0.1:1/v2/', 'http://127.0.0.1:2/u').port, '2', 'a local registry may name local places')
})

test('omits a signed query from the message', () => {
  assert.throws(
    () => after(from, 'http://other.example/u?_state=canary'),
    (error) => error instanceof Error && !error.message.includes('canary'),
  )
})
