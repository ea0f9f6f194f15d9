import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { printable } from '../../src/text/printable.ts'
import { redactUrl, redactUserinfo } from '../../src/text/redact.ts'
import { processorTime } from '../servers/processor-time.ts'

const anyUnit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))

test('a URL is shown without user, password, fragment and unknown parameters', () => {
  assert.equal(
    redactUrl(new URL('https://user:s3cret@host:5000/v2/?n=5&last=a&X-Amz-Signature=s3cret&_state=s3cret&_state=s3cret#s3cret')),
    'https://host:5000/v2/?n=5&last=a&X-Amz-Signature=REDACTED&_state=REDACTED',
  )
  assert.equal(
    redactUrl(new URL('https://auth.example/token?service=r&scope=repository%3Aa%3Apull')),
    'https://auth.example/token?service=r&scope=repository%3Aa%3Apull',
  )
})

test('a query of thousands of parameters is cut, and costs no more than its length', async () => {
  const names = Array.from({ length: 60_000 }, (_, index) => `a${index}`)
  let shown = ''
  const took = await processorTime(() => {
    shown = redactUrl(new URL(`https://host/?digest=b&${names.join('&')}`))
  })
  assert.match(shown, /^https:\/\/host\/\?digest=b&a0=REDACTED&a1=REDACTED&/)
  assert.ok(shown.length <= 2048)
  assert.ok(took < 5000, `${took} ms`)
  assert.ok(redactUrl(new URL(`https://host/${'a'.repeat(100_000)}`)).length <= 2048)
})

test('no value of an unknown parameter survives', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.uuid()), { maxLength: 5 }), fc.uuid(), (pairs, secret) => {
      const url = new URL('https://user@host/path')
      url.password = secret
      for (const [name, value] of pairs) url.searchParams.append(`x${name}`, value)
      const shown = redactUrl(url)
      assert.ok([secret, ...pairs.map(([, value]) => value)].every((text) => !shown.includes(text)))
      assert.equal(url.password, secret)
    }),
  )
})

test('text of a server cannot move the cursor, and has an end', () => {
  assert.equal(printable('a\r\n\tb \u001b[31mred\u0007 \u202eevil\u2028 '), 'a b \\u{1b}[31mred\\u{7} \\u{202e}evil\\u{2028}')
  assert.ok(printable('\u001b'.repeat(100_000)).length < 20_000)
  fc.assert(fc.property(fc.string({ unit: anyUnit }), (text) => assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}\u2028\u2029]/u)))
})

test('the placeholders of a hint are kept, and nothing that follows them hides a password', () => {
  const hint = 'set HTTP_PROXY to http://<user>:<password>@<host>:<port>'
  assert.equal(redactUserinfo(hint), hint)
  assert.equal(redactUserinfo('http://<user>:<password>x@host'), 'http://***@host')
  assert.equal(redactUserinfo(`${hint} or http://u:s3cret@host`), `${hint} or http://***@host`)
})
