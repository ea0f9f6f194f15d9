import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ResponseHeaders } from '../../src/http/message.ts'
import { isRedirect, redirectHeaders, redirectUrl } from '../../src/http/redirect.ts'

function next(from: string, ...locations: readonly string[]): string {
  return redirectUrl({ url: new URL(from), headers: new ResponseHeaders(new Map([['location', locations]])) }).href
}

const home = 'https://registry.example.com/v2/a/blobs/x'

test('only 301, 302, 303, 307 and 308 redirect', () => {
  assert.deepEqual(
    [200, 300, 301, 302, 303, 304, 305, 307, 308, 400].filter((status) => isRedirect(status, 'GET')),
    [301, 302, 303, 307, 308],
  )
})

// F93
test('a Location is resolved, and its bytes are kept', () => {
  assert.equal(next(home, '/b?a=b%2Fc~d+e'), 'https://registry.example.com/b?a=b%2Fc~d+e')
  assert.equal(next(home, '//cdn.example.net/b'), 'https://cdn.example.net/b')
  assert.equal(next(home, 'y'), 'https://registry.example.com/v2/a/blobs/y')
  assert.equal(next(home, 'https://cdn.example.net/b?X-Amz-Signature=a%2fB'), 'https://cdn.example.net/b?X-Amz-Signature=a%2fB')
  assert.equal(next('http://a.example/', 'https://b.example/'), 'https://b.example/')
  assert.equal(next('http://a.example/', 'http://b.example/'), 'http://b.example/')
})

// F88, F89
test('a redirect that drops encryption, or leads to a link-local or private address, is refused', () => {
  const cases: readonly (readonly [from: string, to: string, message: RegExp])[] = [
    [home, 'http://registry.example.com/', /not encrypted/],
    [home, 'http://cdn.example.net/', /not encrypted/],
    [home, 'file:///etc/passwd', /not encrypted/],
    ['http://a.example/', 'ftp://b.example/', /not encrypted/],
    ['http://a.example/', 'data:,x', /not encrypted/],
    ['http://a.example/', 'http://169.254.169.254/latest/meta-data/', /link-local/],
    ['http://a.example/', 'http://[::ffff:169.254.169.254]/', /link-local/],
    ['http://a.example/', 'http://2852039166/', /link-local/],
    ['http://127.0.0.1/', 'http://169.254.169.254/', /link-local/],
    ['http://a.example/', 'http://metadata.google.internal/', /metadata/],
    ['http://a.example/', 'http://0.0.0.0/', /unspecified/],
    [home, 'https://127.0.0.1/', /loopback/],
    [home, 'https://localhost:6443/', /loopback/],
    [home, 'https://[::1]/', /loopback/],
    [home, 'https://10.0.0.1/', /private/],
  ]
  for (const [from, to, message] of cases) assert.throws(() => next(from, to), { code: 'REFUSED_ADDRESS', message }, to)
  assert.equal(next('http://127.0.0.1:5000/', 'http://localhost:6000/'), 'http://localhost:6000/')
  assert.equal(next('http://10.0.0.1/', 'http://10.0.0.2/'), 'http://10.0.0.2/')
})

test('a refusal shows no secret of the Location', () => {
  assert.throws(
    () => next(home, 'http://user:s3cret@cdn.example.net/?sig=s3cret#s3cret'),
    (error: Error) => !error.message.includes('s3cret'),
  )
})

// F91
test('a redirect without a Location, with two different ones, or with an invalid URL is refused', () => {
  assert.throws(() => next(home), { code: 'PROTOCOL', message: /without a Location header/ })
  assert.throws(() => next(home, '/a', '/b'), { code: 'PROTOCOL', message: /two Location headers/ })
  assert.equal(next(home, '/a', '/a'), new URL('/a', home).href)
  for (const location of ['https://', 'http://[::1', 'https://a b/', 'http://a:99999/']) {
    assert.throws(() => next(home, location), { code: 'PROTOCOL', message: /an invalid URL/ }, location)
  }
})

// F90
test('beyond the origin only what is asked for goes along', () => {
  const headers = {
    Accept: 'a',
    'accept-encoding': 'identity',
    Range: 'bytes=0-',
    'user-agent': 'x',
    Authorization: 's',
    cookie: 's',
    'x-a': 's',
    'content-type': 's',
  }
  const kept = (from: string, to: string): string[] => Object.keys(redirectHeaders(new URL(from), new URL(to), headers))
  assert.deepEqual(kept(home, 'https://registry.example.com:443/other'), Object.keys(headers))
  for (const to of [
    'https://registry.example.com:5000/',
    'https://example.com/',
    'https://registry.example.com./',
    'http://registry.example.com/',
  ]) {
    assert.deepEqual(kept(home, to), ['Accept', 'accept-encoding', 'Range', 'user-agent', 'content-type'], to)
  }
})

test('only 307 and 308 send a request with a body elsewhere', () => {
  for (const method of ['POST', 'PUT', 'DELETE'] as const) {
    assert.deepEqual(
      [301, 302, 303, 307, 308].filter((status) => isRedirect(status, method)),
      [307, 308],
    )
  }
})

test('a URL that is signed gets no second proof, on the same origin either', () => {
  const headers = { accept: 'a', authorization: 's', 'content-type': 'c' }
  const kept = (to: string): string[] => Object.keys(redirectHeaders(new URL(home), new URL(to, home), headers))
  for (const query of ['X-Amz-Signature=1', 'Signature=1', 'sig=1', 'x-goog-signature=1']) {
    assert.deepEqual(kept(`/storage/blob?${query}`), ['accept', 'content-type'], query)
  }
  assert.deepEqual(kept('/other?n=1'), Object.keys(headers))
})
