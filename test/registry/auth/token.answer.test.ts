import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MirrorError } from '../../../src/errors.ts'
import { parseTokenAnswer, type Clock } from '../../../src/registry/auth/token.ts'

const hour = 3_600_000
const now = Date.parse('2026-11-23T12:00:00Z')
const clock: Clock = { date: () => now, monotonic: () => 1000 }
const parse = (answer: unknown) =>
  parseTokenAnswer(Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer)), 'auth.example.com', 1000, clock)
/** Seconds after which the token is renewed, which is after nine tenths of its life. */
const life = (fields: object): number => Math.round((parse({ token: 't', ...fields }).renewAt - 1000) / 900)
const at = (milliseconds: number): string => new Date(now + milliseconds).toISOString()

// G108
test('the token is read from either field', () => {
  assert.equal(parse({ token: 'a' }).value, 'a')
  assert.equal(parse({ access_token: 'b' }).value, 'b')
  assert.equal(parse({ token: '', access_token: 'b' }).value, 'b')
  assert.equal(parse({ token: 'a', access_token: 'b' }).value, 'a')
})

// G108
test('any other answer is refused without quoting it', () => {
  for (const answer of [
    '{}',
    '',
    '<html>s3cret</html>',
    'null',
    '[]',
    '"s3cret"',
    '{"token":5}',
    '{"token":"s3cret\\r\\nx: y"}',
    '{"token":"s3 cret"}',
  ]) {
    assert.throws(
      () => parse(answer),
      (error) =>
        error instanceof MirrorError &&
        error.code === 'PROTOCOL' &&
        /auth\.example\.com returned/.test(error.message) &&
        !error.message.includes('s3'),
    )
  }
})

// G109
test('a token is worth 60 seconds where nothing, nonsense or less is said', () => {
  for (const expires_in of [undefined, 0, 5, -1, null, 'soon', '5', {}, '1e9']) assert.equal(life({ expires_in }), 60)
  assert.equal(life({ expires_in: 300 }), 300)
  assert.equal(life({ expires_in: '300' }), 300)
})

// G109
test('issued_at counts where it can be true', () => {
  assert.equal(life({ expires_in: 300, issued_at: at(-100_000) }), 200)
  assert.equal(life({ expires_in: 300, issued_at: at(-270_000) }), 60)
  assert.equal(life({ expires_in: 300, issued_at: 'yesterday' }), 300)
})

// G119
test('a clock that is an hour off, in either direction, changes nothing', () => {
  assert.equal(life({ expires_in: 300, issued_at: at(hour) }), 300)
  assert.equal(life({ expires_in: 300, issued_at: at(-hour) }), 300)
})

test('no answer at all makes the parser fail in another way', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.string(),
        fc
          .record({ token: fc.anything(), expires_in: fc.anything(), issued_at: fc.anything() })
          .map((value) => JSON.stringify(value, (_key, field: unknown) => (typeof field === 'bigint' ? String(field) : field))),
      ),
      (answer) => {
        try {
          assert.ok(parse(answer).renewAt >= 1000 + 54_000)
        } catch (error) {
          assert.ok(error instanceof MirrorError && (error.code === 'PROTOCOL' || /empty token/.test(error.message)), String(error))
        }
      },
    ),
  )
})
