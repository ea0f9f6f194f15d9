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
test('a Location in any form leads to the same place', () => {
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
test('the query is kept byte for byte, and the digest comes behind it', () => {
  const query = '?_state=a~b%7Ec%20d+e%2Ff%2fg=&sig=%3D%3D&x'
  const url = withDigest(after(from, `/v2/u${query}`), digest)
  assert.equal(url.href, `https://r.example/v2/u${query}&digest=${digest}`)
  assert.equal(withDigest(after(from, '/v2/u'), digest).href, `https://r.example/v2/u?digest=${digest}`)
  assert.equal(withDigest(after(from, '/v2/u?'), digest).href, `https://r.example/v2/u?digest=${digest}`)
  assert.equal(withDigest(after(from, '/v2/u?a=b#part'), digest).href, `https://r.example/v2/u?a=b&digest=${digest}`)
})

// F94
test('a dropped or written default port is the same origin', () => {
  assert.equal(after('https://r.example:443/v2/', 'https://r.example/u').origin, 'https://r.example')
  assert.equal(after(from, 'https://r.example:443/u').origin, 'https://r.example')
  assert.equal(after(from, 'r.example:443/u').href, 'https://r.example/u')
  assert.equal(after('http://r.example:5000/v2/', 'r.example:5000/u').href, 'http://r.example:5000/u')
})

// F95
test('an opened upload without a place, or at two, is no upload', () => {
  assert.throws(() => after(from), { code: 'PROTOCOL', message: /without a Location header/ })
  assert.throws(() => after(from, '/a', '/b'), { code: 'PROTOCOL', message: /two Location headers/ })
  assert.throws(() => after(from, 'https://'), { code: 'PROTOCOL', message: /an invalid upload URL/ })
})

// F93
test('http from an https registry at the same host is a proxy that hides the scheme; elsewhere it is refused', () => {
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
test('an address that registries must not refer to is refused', () => {
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

test('a signed query stays out of the message', () => {
  assert.throws(
    () => after(from, 'http://other.example/u?_state=canary'),
    (error) => error instanceof Error && !error.message.includes('canary'),
  )
})
