import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseRetryAfter } from '../../src/http/message.ts'

const now = Date.UTC(2026, 8, 20, 12, 0, 0)

const anyUnit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))

// F83
test('a number is a delay in seconds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000_000 }), fc.constantFrom('', ' ', '\t'), (seconds, space) =>
      assert.equal(parseRetryAfter(`${space}${seconds}${space}`, now), seconds * 1000),
    ),
  )
  assert.equal(parseRetryAfter('2', now), 2000)
  assert.equal(parseRetryAfter('999999', now), 999_999_000)
})

// F83
test('an HTTP date is a time to wait for; one in the past asks for no delay', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (seconds) => {
      const text = new Date(now + seconds * 1000).toUTCString()
      assert.equal(parseRetryAfter(text, now), seconds > 0 ? seconds * 1000 : undefined)
    }),
  )
  assert.equal(parseRetryAfter('Sunday, 20-Sep-26 12:00:30 GMT', now), 30_000)
})

// F83
test('any other value asks for no delay', () => {
  for (const text of [
    undefined,
    '',
    '0',
    '-1',
    '1.5',
    '+5',
    '1e3',
    '0x10',
    '5 apples',
    'soon',
    '1 Jan 2099',
    '12/31/2099',
    '2099-01-01T00:00:00Z',
    'Mon, soon GMT',
    '2, 3',
    '٣',
    '9'.repeat(400),
    'Infinity',
    'NaN',
  ]) {
    assert.equal(parseRetryAfter(text, now), undefined, text)
  }
  fc.assert(
    fc.property(fc.string({ unit: anyUnit }), (text) => {
      const delay = parseRetryAfter(text, now)
      assert.ok(delay === undefined || (Number.isSafeInteger(delay) && delay > 0))
    }),
  )
})
