import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseErrorBody } from '../../src/registry/error-reason.ts'

const reason = (body: string | object): string => parseErrorBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))).text

/** Bodies as products write them, and what is shown of each. */
const bodies: readonly (readonly [product: string, body: string | object, shown: string])[] = [
  ['the distribution specification', { errors: [{ code: 'DENIED', message: 'no access' }] }, 'DENIED: no access'],
  ['Harbor quota', { message: 'quota exceeded' }, 'quota exceeded'],
  ['Artifactory', { errors: [{ status: 403, message: 'Forbidden' }] }, 'Forbidden'],
  [
    'Artifactory with a description',
    { errors: [{ code: 'MANIFEST_INVALID', message: 'manifest invalid', detail: { description: 'HTTP 403 Forbidden' } }] },
    'MANIFEST_INVALID: manifest invalid (HTTP 403 Forbidden)',
  ],
  [
    'Nexus',
    { errors: [{ code: 'BLOB_UPLOAD_INVALID', message: 'blob upload invalid', detail: 'x cannot be updated' }] },
    'BLOB_UPLOAD_INVALID: blob upload invalid (x cannot be updated)',
  ],
  ['Quay', { error: { message: 'rate limited', detail: { name: 'x' } } }, 'rate limited'],
  ['OAuth 2', { error: 'invalid_grant', error_description: 'token is expired' }, 'token is expired'],
  ['GitLab', { error: 'insufficient_scope' }, 'insufficient_scope'],
  ['Docker Hub', { details: 'you must log in with a personal access token' }, 'you must log in with a personal access token'],
  ['FastAPI', { detail: 'Not authenticated' }, 'Not authenticated'],
  ['problem+json', { type: 'about:blank', title: 'Quota', detail: 'the project is full' }, 'Quota (the project is full)'],
  ['AWS', { Message: 'The tag is immutable' }, 'The tag is immutable'],
  ['a map of errors', { errors: { message: 'first' } }, 'first'],
  ['a list of sentences', { errors: ['one', 'two', 'one'] }, 'one; two'],
  ['a string', '"just so"', 'just so'],
  ['JSON of a form of its own', { quota: 'full' }, '{"quota":"full"}'],
  ['S3', '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>', 'Request has expired'],
  ['nginx', '<html><head><title>413 Request Entity Too Large</title></head></html>', '413 Request Entity Too Large'],
  ['a page without a title', '<!DOCTYPE html><p>canary</p>', ''],
  ['plain text', 'no space left on device\n', 'no space left on device'],
  ['nothing', '', ''],
  ['an empty object', {}, ''],
]

for (const [product, body, shown] of bodies) {
  test(`shows the reason in the form of ${product}`, () => assert.equal(reason(body), shown))
}

test('shows the reason without control characters, and cuts it', () => {
  assert.equal(reason({ message: 'a\u001b[31mb\nc' }), 'a\\u{1b}[31mb c')
  assert.ok(reason({ message: 'x'.repeat(100_000) }).length <= 300)
  assert.ok(reason({ errors: Array.from({ length: 1000 }, (_, n) => `sentence ${n}`) }).length <= 300)
})

test('reads only codes of the specification', () => {
  const entries = [{ code: 'DENIED' }, { code: 'denied' }, { code: 7 }, null, 'DENIED', { code: 'A'.repeat(65) }]
  assert.deepEqual(parseErrorBody(Buffer.from(JSON.stringify({ errors: entries }))).codes, ['DENIED'])
})

test('any body becomes one short printable line', () => {
  const body = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.json().map((json) => `{"errors":${json}}`),
  )
  fc.assert(
    fc.property(body, (text) => {
      const { text: said } = parseErrorBody(Buffer.from(text))
      assert.doesNotMatch(said, /\p{Cc}/u)
      assert.ok(said.length <= 300)
    }),
  )
})

test('a body of nothing but brackets is read', () => {
  assert.ok(reason('['.repeat(60_000)).length <= 300)
  assert.equal(reason(`${'['.repeat(20_000)}${']'.repeat(20_000)}`), '')
})

test('what is nested too deeply to be walked is read all the same', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const depth = 30_000
  const body = `{"errors":[{"code":"BLOB_UNKNOWN","message":"gone","detail":{"digest":"${digest}","a":${'['.repeat(depth)}${']'.repeat(depth)}}}]}`
  const { codes, digests, text } = parseErrorBody(Buffer.from(body))
  assert.deepEqual([codes, digests, text], [['BLOB_UNKNOWN'], [digest], 'BLOB_UNKNOWN: gone'])
})
