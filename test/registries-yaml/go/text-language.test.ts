import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseGoRegexp, tryParseGoRegexp } from '../../../src/registries-yaml/go/go-regexp.ts'
import type { TextLanguage } from '../../../src/registries-yaml/go/text-language.ts'
import { processorTime } from '../../servers/processor-time.ts'

/** Exactly one text. */
function only(text: string): TextLanguage {
  return {
    start: 0,
    alphabet: [...new Set(text)],
    next: (state, character) => (text[state] === character ? state + 1 : undefined),
    isEnd: (state) => state === text.length,
  }
}

const part = fc.constantFrom(
  'a',
  'b',
  '.',
  '_',
  '^',
  '$',
  '\\b',
  '\\B',
  '(?i)A',
  '[a-c]',
  '[^a]',
  'a*',
  '(?:ab|b)',
  '(',
  ')',
  '|',
  '+',
  '?',
  '{2}',
  '\\A',
  '\\z',
  '\\w',
)
const pattern = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''))
const text = fc.array(fc.constantFrom('a', 'b', 'c', '_', '-', '/'), { maxLength: 6 }).map((parts) => parts.join(''))

test('a pattern matches some text of a set with one text exactly if it matches that text', () => {
  fc.assert(
    fc.property(pattern, text, (source, only1) => {
      const regexp = tryParseGoRegexp(source)
      if (regexp !== undefined) assert.equal(regexp.matchesSome(only(only1)), regexp.matches(only1))
    }),
    { numRuns: 2000 },
  )
})

test('a pattern that is too large to decide counts as matching', async () => {
  const letters: TextLanguage = {
    start: 0,
    alphabet: Array.from('abcdefghijklmnopqrstuvwxyz'),
    next: (state) => (state + 1) % 3,
    isEnd: () => true,
  }
  assert.equal(parseGoRegexp('^a{3}:$').matchesSome(letters), false)
  const large = parseGoRegexp('^(?:[a-y]*z?){400}(?:a?){900}:$')
  const time = await processorTime(() => assert.equal(large.matchesSome(letters), true))
  assert.ok(time < 10_000, `${time} ms`)
})
