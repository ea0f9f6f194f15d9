import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { errorCodes } from '../../src/errors.ts'
import { ResponseHeaders } from '../../src/http/message.ts'
import { registryAnswer, registryError } from '../../src/registry/registry-error.ts'

function errorOf(status: number, body: string, headers: Readonly<Record<string, string>> = {}, path = '/v2/a/manifests/1') {
  const values = new Map(Object.entries(headers).map(([name, value]) => [name, [value]]))
  return registryError('read x', {
    status,
    headers: new ResponseHeaders(values),
    url: new URL(`https://r.example${path}`),
    body: Buffer.from(body),
  })
}
const errors = (code: string, message = ''): string => JSON.stringify({ errors: [{ code, message }] })

const cases: readonly (readonly [status: number, body: string, code: (typeof errorCodes)[number]])[] = [
  [429, '', 'THROTTLED'],
  [403, errors('TOOMANYREQUESTS'), 'THROTTLED'],
  [503, '', 'UNAVAILABLE'],
  [408, '', 'UNAVAILABLE'],
  [522, '', 'UNAVAILABLE'],
  [501, '', 'UNSUPPORTED'],
  [507, '', 'DENIED'],
  [401, errors('UNAUTHORIZED'), 'UNAUTHORIZED'],
  [403, errors('DENIED'), 'DENIED'],
  [404, errors('NAME_UNKNOWN'), 'NOT_FOUND'],
  [404, errors('BLOB_UPLOAD_UNKNOWN'), 'UNAVAILABLE'],
  [400, errors('BLOB_UPLOAD_INVALID'), 'UNAVAILABLE'],
  [400, errors('DIGEST_INVALID'), 'INTEGRITY'],
  [405, '', 'UNSUPPORTED'],
  [415, '', 'UNSUPPORTED'],
  [400, errors('DENIED'), 'DENIED'],
  [418, 'short and stout', 'PROTOCOL'],
]

for (const [status, body, code] of cases) {
  test(`${status} ${body} is ${code}`, () => {
    const error = errorOf(status, body)
    assert.equal(error.code, code)
    assert.match(error.message, new RegExp(`^cannot read x: r.example answered ${status}`))
    assert.equal(registryAnswer(error)?.status, status)
  })
}

test('F83: Retry-After counts where waiting helps', () => {
  assert.equal(errorOf(429, '', { 'retry-after': '2' }).retryAfter, 2000)
  assert.equal(errorOf(503, '', { 'retry-after': '2' }).retryAfter, 2000)
  assert.equal(errorOf(404, '', { 'retry-after': '2' }).retryAfter, undefined)
  assert.equal(errorOf(429, '', { 'retry-after': 'soon' }).retryAfter, undefined)
})

test('the hint fits the refusal', () => {
  assert.match(errorOf(429, errors('TOOMANYREQUESTS', 'You have reached your pull rate limit')).hint ?? '', /--from docker.io/)
  assert.match(errorOf(413, '').hint ?? '', /limits the size of uploads/)
  assert.match(errorOf(404, '', {}, '/v2/a/blobs/uploads/').hint ?? '', /created first/)
  assert.match(errorOf(403, '').hint ?? '', /quota/)
})

test('every digest that the details name is known, and a sentence that is said often is shown once', () => {
  const digests = Array.from({ length: 30 }, (_, n) => `sha256:${String(n).padStart(64, '0')}`)
  const entries = digests.map((digest, n) => ({
    code: 'MANIFEST_BLOB_UNKNOWN',
    message: 'unknown',
    detail: n % 2 === 0 ? { digest } : `about ${digest}`,
  }))
  const error = errorOf(400, JSON.stringify({ errors: [...entries, { code: 'DIGEST_INVALID' }] }))
  assert.deepEqual(registryAnswer(error)?.digests, digests)
  assert.equal(error.message.split('MANIFEST_BLOB_UNKNOWN').length, 2)
  assert.equal(error.code, 'PROTOCOL', 'about something below the manifest, and not its own bytes')
})

test('a page of HTML is not repeated, and a long text is cut', () => {
  assert.doesNotMatch(errorOf(502, '<!DOCTYPE html><p>canary</p>').message, /canary/)
  assert.ok(errorOf(500, 'x'.repeat(100_000)).message.length < 500)
  for (const count of [1500, 100_000]) assert.ok(errorOf(500, errors('A', 'x'.repeat(count))).message.length < 500)
})

test('whatever a server says becomes one printable line', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 400, max: 599 }),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.json(),
        fc.string().map((text) => errors(text, text)),
      ),
      (status, body) => {
        const error = errorOf(status, body)
        assert.ok(errorCodes.includes(error.code))
        assert.doesNotMatch(error.message, /[\p{Cc}]/u)
        assert.ok(error.message.length < 500)
      },
    ),
  )
})

test('plain HTTP at a port for TLS is told apart from other refusals', () => {
  const said = (url: string, body: string): string =>
    registryError('read x', { status: 400, headers: new ResponseHeaders(new Map()), url: new URL(url), body: Buffer.from(body) }).message
  for (const body of [
    'Client sent an HTTP request to an HTTPS server.\n',
    '<html><h1>400</h1>The plain HTTP request was sent to HTTPS port</html>',
  ]) {
    assert.match(said('http://r.example:5000/v2/', body), /r\.example:5000 answered 400 \(it expects TLS, so write https:\/\/\)$/)
  }
  assert.doesNotMatch(said('https://r.example:5000/v2/', 'HTTPS server'), /expects TLS/)
  assert.doesNotMatch(said('http://r.example:5000/v2/', 'bad request'), /expects TLS/)
})
