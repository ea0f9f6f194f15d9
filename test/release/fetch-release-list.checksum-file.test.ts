import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { parseChecksumFile } from '../../src/release/fetch-release-list.ts'

const a = 'a'.repeat(64)
const b = 'b'.repeat(64)
const parse = (text: string): Record<string, string> => Object.fromEntries(parseChecksumFile(text, 'sums'))

test('text and binary mode, CRLF, blank lines and upper-case hex are read', () => {
  assert.deepEqual(parse(`${a}  k3s\n${b} *k3s-images.txt\n`), { k3s: a, 'k3s-images.txt': b })
  assert.deepEqual(parse(`\r\n${a.toUpperCase()}  k3s\r\n\r\n`), { k3s: a })
  assert.deepEqual(parse(`${a}  k3s\n${a}  k3s`), { k3s: a })
})

test('everything that leaves a doubt is refused', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`${a}  dist/artifacts/k3s-images.txt\n`, /line 1 names a file with a path/],
    [`${a}  k3s\n${a}  ./k3s-images.txt\n`, /line 2 names a file with a path/],
    [`${a}  ..\\k3s-images.txt\n`, /line 1 names a file with a path/],
    [`${a}  k3s\n${b}  k3s\n`, /line 2 gives a second, different checksum/],
    [`${a.slice(1)}  k3s\n`, /line 1 is not a SHA-256/],
    [`${a}\n`, /line 1 is not a SHA-256/],
    [`${a} k3s\n`, /line 1 is not a SHA-256/],
    ['<!DOCTYPE html>\n', /line 1 is not a SHA-256/],
    ['', /no checksums/],
  ]
  for (const [text, message] of cases) assert.throws(() => parse(text), { code: 'CHECKSUM_MISMATCH', message }, text)
})

test('files of any names survive', () => {
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 64, maxLength: 64 })
  const files = fc.dictionary(fc.stringMatching(/^[A-Za-z0-9._+-]{1,30}$/), hex, { minKeys: 1, noNullPrototype: true })
  fc.assert(
    fc.property(files, fc.constantFrom('  ', ' *'), (hashes, gap) => {
      const text = Object.entries(hashes).map(([name, hash]) => `${hash}${gap}${name}\n`)
      assert.deepEqual(new Map(parseChecksumFile(text.join(''), 'x')), new Map(Object.entries(hashes)))
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parseChecksumFile(text, 'x')
      } catch (error) {
        assert.ok(isMirrorError(error) && error.code === 'CHECKSUM_MISMATCH')
      }
    }),
  )
})
