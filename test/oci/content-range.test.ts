import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatContentRange, parseContentRange } from '../../src/oci/content-range.ts'

test('a range that is written is read as the same', () => {
  const position = fc.nat({ max: 2 ** 50 })
  fc.assert(
    fc.property(position, position, fc.option(position), (start, more, rest) => {
      const range = { start, end: start + more, total: rest === null ? undefined : start + more + 1 + rest }
      assert.deepEqual(parseContentRange(formatContentRange(range)), range)
    }),
  )
})

// E70
test('any other text is not a range', () => {
  const wrong = [
    undefined,
    '',
    '0-9/10',
    'bytes */10',
    'bytes 5-4/10',
    'bytes 0-10/10',
    'bytes -1-4/10',
    'bytes 0-9',
    'bytes=0-9/10',
    'bytes 0-9/10, 20-29/30',
    'items 0-9/10',
    'bytes 0x0-9/10',
    'bytes 1e1-20/30',
    `bytes 0-${'9'.repeat(20)}/*`,
  ]
  for (const text of wrong) assert.equal(parseContentRange(text), undefined, text)
  assert.deepEqual(parseContentRange(' Bytes 0-9/10 '), { start: 0, end: 9, total: 10 })
  assert.deepEqual(parseContentRange('bytes 3-9/*'), { start: 3, end: 9, total: undefined })
})

test('any text is read or not, and never throws', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseContentRange(text)))
  fc.assert(
    fc.property(fc.stringMatching(/^bytes [0-9*-]{1,9}\/[0-9*]{1,4}$/), (text) => {
      const range = parseContentRange(text)
      if (range !== undefined) assert.ok(range.start <= range.end && (range.total === undefined || range.end < range.total))
    }),
  )
})
