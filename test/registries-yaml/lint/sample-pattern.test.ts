import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseGoRegexp } from '../../../src/registries-yaml/go/go-regexp.ts'
import { samplePattern } from '../../../src/registries-yaml/lint/sample-pattern.ts'

const patterns = [
  '^rancher/(.*)',
  '(.*)',
  '^(rancher|library)/(.*)$',
  '(?i)Rancher/.+',
  '^([^/]+)/app$',
  '[a-z]{3}-x{2,}/[0-9]+',
  '^(?P<org>[[:alpha:]]+)/\\Qa.b\\E',
  'docker[.]io/(\\w+)',
  '^(?:.*/)?([^/]+)$',
  '^[[:^digit:]]/[]a]?x',
  '^\\p{Ll}+/x',
  '^team-\\d{4}/[a-f0-9]{12}$',
  'a*?b+?c??',
  '^\\x41\\x{42}',
  '',
]
for (const pattern of patterns) {
  test(`the samples of ${pattern} match it`, () => {
    const samples = samplePattern(pattern, ['image', 'team/image'])
    const regexp = parseGoRegexp(`^(?:${pattern})$`)
    assert.ok(
      samples.some((text) => regexp.matches(text)),
      JSON.stringify(samples),
    )
  })
}

test('words replace the wildcards of a pattern', () => {
  assert.ok(samplePattern('^rancher/(.*)', ['image', 'team/image']).includes('rancher/team/image'))
  assert.deepEqual(
    samplePattern('^([^/]+)/app$', ['image', 'team/image']).filter((text) => text.length > 6),
    ['image/app'],
  )
})

const piece = fc.constantFrom(
  '(',
  ')',
  '[',
  ']',
  '[^',
  '|',
  '*',
  '+',
  '?',
  '{2}',
  '{',
  '\\',
  '\\Q',
  '\\E',
  '\\p{',
  '^',
  '$',
  '.',
  'a',
  '/',
  '(?i)',
  '(?P<n>',
  '(?:',
  '-',
  ',3}',
  '😀',
)

test('sampling any pattern returns a bounded number of samples in bounded time', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (parts) => {
      const samples = samplePattern(parts.join(''), ['image'])
      assert.ok(samples.length <= 64)
      for (const text of samples) assert.ok(text.length < 10_000)
    }),
  )
})

test('deeply nested parentheses are sampled', () => {
  assert.ok(samplePattern('('.repeat(4000), []).length > 0)
  assert.deepEqual(samplePattern('('.repeat(100_000), []), [])
  assert.ok(samplePattern(`${'('.repeat(900)}a${')'.repeat(900)}`, []).length > 0)
})
