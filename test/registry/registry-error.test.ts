import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { errorCodes } from '../../src/errors.ts'
import { ResponseHeaders, type HttpMethod } from '../../src/http/message.ts'
import { registryAnswer, registryError } from '../../src/registry/registry-error.ts'

const manifestPath = '/v2/a/manifests/1'
const uploadPath = '/v2/a/blobs/uploads/x'

function errorOf(
  status: number,
  body: string,
  { headers = {}, path = manifestPath, method = 'GET', origin = 'https://r.example' }: Partial<Asked> = {},
) {
  const values = new Map(Object.entries(headers).map(([name, value]) => [name, [value]]))
  const url = new URL(path, origin)
  return registryError(['read', 'x'], { method, status, headers: new ResponseHeaders(values), url, body: Buffer.from(body) })
}

interface Asked {
  readonly headers: Readonly<Record<string, string>>
  readonly path: string
  readonly method: HttpMethod
  readonly origin: string
}

const errors = (code: string, message = ''): string => JSON.stringify({ errors: [{ code, message }] })

const nexus = JSON.stringify({
  errors: [{ code: 'BLOB_UPLOAD_INVALID', message: 'blob upload invalid', detail: 'docker/v2/-/blobs/sha256:0 cannot be updated' }],
})
const cases: readonly (readonly [status: number, body: string, code: (typeof errorCodes)[number], path?: string])[] = [
  [429, '', 'THROTTLED'],
  [403, errors('TOOMANYREQUESTS'), 'THROTTLED'],
  ...[408, 425, 499, 500, 502, 503, 504, 509, 520, 521, 522, 523, 524, 525, 527, 530, 598].map(
    (status) => [status, '', 'UNAVAILABLE'] as const,
  ),
  ...[505, 508, 511, 526].map((status) => [status, '', 'PROTOCOL'] as const),
  [501, '', 'UNSUPPORTED'],
  [507, '', 'NO_SPACE'],
  // docker-registry, while it writes and while it opens an upload
  [500, errors('UNKNOWN', 'write /var/lib/registry/x/data: no space left on device'), 'NO_SPACE', uploadPath],
  [
    500,
    JSON.stringify({ errors: [{ code: 'UNKNOWN', detail: { DriverName: 'filesystem', Enclosed: { Op: 'mkdir', Err: 28 } } }] }),
    'NO_SPACE',
  ],
  [
    500,
    JSON.stringify({ errors: [{ code: 'UNKNOWN', detail: { DriverName: 'filesystem', Enclosed: { Op: 'mkdir', Err: 13 } } }] }),
    'UNAVAILABLE',
  ],
  [
    503,
    '<Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its minimum free drive threshold.</Message></Error>',
    'NO_SPACE',
  ],
  [404, 'disk full', 'NOT_FOUND'],
  [401, errors('UNAUTHORIZED'), 'UNAUTHORIZED'],
  [403, errors('DENIED'), 'DENIED'],
  [404, errors('NAME_UNKNOWN'), 'NOT_FOUND'],
  [404, errors('BLOB_UPLOAD_UNKNOWN'), 'UNAVAILABLE', uploadPath],
  [400, errors('BLOB_UPLOAD_INVALID'), 'UNAVAILABLE', uploadPath],
  [400, nexus, 'DENIED', uploadPath],
  [400, errors('BLOB_UPLOAD_INVALID'), 'PROTOCOL'],
  [400, nexus, 'DENIED'],
  [400, errors('TAG_INVALID', 'the tag is immutable'), 'DENIED'],
  [400, errors('MANIFEST_INVALID', 'cannot update tag 1: The repository has enabled tag immutability'), 'DENIED'],
  [409, errors('CONFLICT', 'tag already exists'), 'DENIED'],
  [409, '', 'PROTOCOL'],
  [400, errors('DIGEST_INVALID'), 'INTEGRITY'],
  [405, '', 'UNSUPPORTED'],
  [415, '', 'UNSUPPORTED'],
  [400, errors('DENIED'), 'DENIED'],
  [418, 'short and stout', 'PROTOCOL'],
]

for (const [status, body, code, path = manifestPath] of cases) {
  test(`maps ${status} ${body} of ${path} to ${code}`, () => {
    const error = errorOf(status, body, { path })
    assert.equal(error.code, code)
    assert.match(error.message, new RegExp(`^(?:cannot read x|the registry's disk is full): r.example answered ${status}`))
    assert.equal(registryAnswer(error)?.status, status)
  })
}

// F83
test('uses Retry-After only for statuses where waiting helps', () => {
  assert.equal(errorOf(429, '', { headers: { 'retry-after': '2' } }).retryAfter, 2000)
  assert.equal(errorOf(503, '', { headers: { 'retry-after': '2' } }).retryAfter, 2000)
  assert.equal(errorOf(404, '', { headers: { 'retry-after': '2' } }).retryAfter, undefined)
  assert.equal(errorOf(429, '', { headers: { 'retry-after': 'soon' } }).retryAfter, undefined)
})

test('reports a full disk as a problem of the registry, and a used quota as one of the refused item', () => {
  for (const [status, body] of [
    [507, ''],
    [500, errors('UNKNOWN', 'no space left on device')],
  ] as const) {
    const error = errorOf(status, body, { path: uploadPath, method: 'PUT' })
    assert.match(error.message, new RegExp(`^the registry's disk is full: r\\.example answered ${status}`))
    assert.equal(error.hint, 'free space at r.example or run its garbage collection, then run the same command again')
    assert.deepEqual([error.subject, error.reason, registryAnswer(error)?.status], [undefined, undefined, status])
  }
  const harbor =
    'adding 1.1 MiB of storage resource, which when updated to current usage of 9.5 MiB will exceed the configured upper limit of 10.0 MiB'
  for (const [status, body] of [
    [403, errors('DENIED', harbor)],
    [413, errors('DENIED', 'storage quota exceeded')],
    [403, errors('BLOB_UPLOAD_INVALID', 'quota exceeded')],
    [507, errors('UNKNOWN', 'the quota of this project is used up')],
  ] as const) {
    const error = errorOf(status, body, { path: uploadPath, method: 'PUT' })
    assert.deepEqual([error.code, error.subject], ['NO_SPACE', 'x'])
    assert.match(error.message, /^cannot read x: r\.example answered/)
    assert.equal(error.hint, 'raise the storage quota at r.example, or delete images there')
    assert.notEqual(errorOf(status === 507 ? 403 : status, body).code, 'NO_SPACE', 'a quota on reading is one of requests')
  }
})

test('adds the hint that matches the refusal', () => {
  const hint = (...args: Parameters<typeof errorOf>): string => errorOf(...args).hint ?? ''
  assert.match(hint(429, errors('TOOMANYREQUESTS', 'You have reached your pull rate limit')), /options\.from docker.io/)
  assert.match(hint(413, '', { method: 'PUT' }), /limit on upload sizes/)
  assert.match(hint(404, '', { path: uploadPath, method: 'POST' }), /^create the project/)
  assert.match(hint(403, '', { method: 'PUT' }), /permissions/)
  assert.match(hint(403, ''), /logged in/)
  assert.match(hint(400, nexus, { method: 'PUT' }), /does not overwrite tags/)
  assert.match(hint(400, errors('MANIFEST_INVALID', 'manifest invalid'), { method: 'PUT' }), /OCI manifests/)
  assert.match(hint(400, '', { origin: 'http://r.example:5000' }), /write https:/)
  assert.equal(hint(400, 'no such thing', { origin: 'http://r.example:5000' }), '')
})

test('reports the target of a redirect that is not followed, and a hint', () => {
  const moved = (origin: string, location: string) => errorOf(301, '', { origin, method: 'POST', headers: { location } })
  const secure = moved('http://r.example', 'https://r.example/v2/')
  assert.match(secure.message, /r\.example answered 301 \(it redirects to https:\/\/r\.example, so write https:\/\/\)$/)
  assert.match(secure.hint ?? '', /https:\/\/r\.example/)
  const other = moved('https://front.example', 'https://r.example/v2/?token=s3cret')
  assert.match(other.message, /\(it redirects to https:\/\/r\.example, which is not followed\)$/)
})

test('lists every digest in the details, and prints a repeated sentence once', () => {
  const digests = Array.from({ length: 30 }, (_, n) => `sha256:${String(n).padStart(64, '0')}`)
  const entries = digests.map((digest, n) => ({
    code: 'MANIFEST_BLOB_UNKNOWN',
    message: 'unknown',
    detail: n % 2 === 0 ? { digest } : `about ${digest}`,
  }))
  const error = errorOf(400, JSON.stringify({ errors: [...entries, { code: 'DIGEST_INVALID' }] }))
  assert.deepEqual(error.missing, digests)
  assert.equal(error.message.split('MANIFEST_BLOB_UNKNOWN').length, 2)
  assert.equal(error.code, 'PROTOCOL', 'the details concern content below the manifest, not its own bytes')
})

test('does not print an HTML page, and truncates a long text', () => {
  assert.doesNotMatch(errorOf(502, '<!DOCTYPE html><p>canary</p>').message, /canary/)
  assert.ok(errorOf(500, 'x'.repeat(100_000)).message.length < 500)
  for (const count of [1500, 100_000]) assert.ok(errorOf(500, errors('A', 'x'.repeat(count))).message.length < 500)
})

test('prints any answer of a server as one printable line', () => {
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

test('distinguishes plain HTTP at a TLS port from other refusals', () => {
  const messageOf = (url: string, body: string): string =>
    registryError(['read', 'x'], {
      method: 'GET',
      status: 400,
      headers: new ResponseHeaders(new Map()),
      url: new URL(url),
      body: Buffer.from(body),
    }).message
  for (const body of [
    'Client sent an HTTP request to an HTTPS server.\n',
    '<html><h1>400</h1>The plain HTTP request was sent to HTTPS port</html>',
  ]) {
    assert.match(messageOf('http://r.example:5000/v2/', body), /r\.example:5000 answered 400 \(it expects TLS, so write https:\/\/\)$/)
  }
  assert.doesNotMatch(messageOf('https://r.example:5000/v2/', 'HTTPS server'), /expects TLS/)
  assert.doesNotMatch(messageOf('http://r.example:5000/v2/', 'bad request'), /expects TLS/)
})
