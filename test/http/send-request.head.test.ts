import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkHeaders, formatRequestHead } from '../../src/http/send-request.ts'

const url = new URL('https://registry.example.com:5000/v2/a/manifests/x?ns=b%2Fc')

const anyUnit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))

test('the lines of a request', () => {
  assert.equal(
    formatRequestHead({ method: 'GET', url, headers: { accept: 'a/b', 'x-y': '' }, proxy: undefined }),
    'GET /v2/a/manifests/x?ns=b%2Fc HTTP/1.1\r\nhost: registry.example.com:5000\r\naccept: a/b\r\nx-y: \r\n\r\n',
  )
})

test('a proxy is asked with the whole URL for plain HTTP, and stays out of what goes through its tunnel', () => {
  const proxy = { url: new URL('http://user:pass@proxy:3128'), variable: 'HTTP_PROXY' }
  assert.equal(
    formatRequestHead({ method: 'HEAD', url: new URL('http://a.example/b'), headers: {}, proxy }),
    'HEAD http://a.example/b HTTP/1.1\r\nhost: a.example\r\nproxy-authorization: Basic dXNlcjpwYXNz\r\n\r\n',
  )
  assert.doesNotMatch(formatRequestHead({ method: 'HEAD', url, headers: {}, proxy }), /proxy-authorization|https:/)
})

test('whatever passes the check stays one header', () => {
  const texts = fc.oneof(
    fc.string({ unit: anyUnit }),
    fc.string(),
    fc.constantFrom('a\r\nb: c', 'a\nb', '\u010d\u010a', 'a\0', 'ä', '日本'),
  )
  fc.assert(
    fc.property(texts, texts, (name, value) => {
      const headers = { [name]: value }
      try {
        checkHeaders(headers)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'USAGE')
        return
      }
      const bytes = Buffer.from(formatRequestHead({ method: 'GET', url, headers, proxy: undefined }), 'latin1').toString('latin1')
      assert.deepEqual(bytes.split('\r\n').slice(2), [`${name}: ${value}`, '', ''])
      assert.equal(bytes.split(/[\r\n]+/).length, 4)
    }),
    { numRuns: 500 },
  )
})

test('what a header cannot hold is USAGE, and the message does not repeat it', () => {
  for (const [name, value] of [
    ['x', 'a\r\nevil: 1'],
    ['x', '\u010d\u010aevil: 1'],
    ['x', 'evil\x7f'],
    ['evil: 1\r\nx', 'a'],
    ['évil', 'a'],
    ['', 'evil'],
  ] as const) {
    assert.throws(
      () => checkHeaders({ [name]: value }),
      (error: { code?: string; message: string }) => error.code === 'USAGE' && !error.message.includes('evil'),
    )
  }
  checkHeaders({ 'x-tab': 'a\tb', authorization: 'Bearer a.b-c_d~+/=' })
})
