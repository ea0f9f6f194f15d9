import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../../src/errors.ts'
import { parseGoRegexp } from '../../../src/registries-yaml/go/go-regexp.ts'
import { processorTime } from '../../servers/processor-time.ts'

interface RewriteCase {
  readonly pattern: string
  readonly replacement: string
  readonly input: string
  readonly output: string
  /** What Go says when it does not compile; else empty. */
  readonly error: string
}

// The outputs were written by Go's own regexp package: Compile, and ReplaceAllString where it compiles.
const cases = JSON.parse(
  readFileSync(new URL('../../../fixtures/registries-yaml/rewrite-cases.json', import.meta.url), 'utf8'),
) as readonly RewriteCase[]

for (const { pattern, replacement, input, output, error } of cases) {
  test(`matches Go: ${JSON.stringify(pattern)} with ${JSON.stringify(replacement)} on ${JSON.stringify(input)}`, () => {
    if (error === '') assert.equal(parseGoRegexp(pattern).replaceAll(input, replacement), output)
    else assert.throws(() => parseGoRegexp(pattern), { code: 'INVALID_REWRITE' })
  })
}

const replace = (pattern: string, text: string, template: string): string => parseGoRegexp(pattern).replaceAll(text, template)

test('the first matching group of several with the same name is used', () => {
  // https://pkg.go.dev/regexp#Regexp.SubexpIndex; go run: regexp.MustCompile("(?P<n>a)|(?P<n>b)").ReplaceAllString("ab", "<$n>")
  assert.equal(replace('(?P<n>a)|(?P<n>b)', 'ab', '<$n>'), '<a><b>')
  assert.equal(replace('(?<n>a)(?<n>b)(?<n_>c)', 'abc', '$n$n_$3'), 'acc')
  assert.equal(replace('[(?P<n>]|(?P<n>x)\\Q(?P<n>\\E', '(x(?P<n>', '<$n>'), '<><x>')
})

test('a group is named by the longest run of letters, digits and underscores, and by number only without a leading zero', () => {
  // https://pkg.go.dev/regexp#Regexp.Expand and its source, func extract
  assert.equal(replace('a(.)', 'ab', '${1}x'), 'bx')
  assert.equal(replace('a(.)', 'ab', '$1x'), '')
  assert.equal(replace('a(.)', 'ab', '$1_'), '')
  assert.equal(replace('a(.)', 'ab', '$1é'), '')
  assert.equal(replace('a(.)', 'ab', '$1-$2$9'), 'b-')
  assert.equal(replace('a(.)', 'ab', '$01${00}'), '')
  assert.equal(replace('a(.)', 'ab', '$'), '$')
  assert.equal(replace('a(.)', 'ab', '$/$-${}${ 1}'), '$/$-${}${ 1}')
  assert.equal(replace('(?P<org>a)(?:(b)|c)', 'ac', '$org[$2]'), 'a[]')
})

test('empty matches are replaced once, and not right after another match', () => {
  assert.equal(replace('b*', 'abc', '-'), '-a-c-')
  assert.equal(replace('', '', 'x'), 'x')
  assert.equal(replace('^', 'ab', 'x'), 'xab')
  assert.equal(replace('(^|/)', 'a/b', '<$1>'), '<>a</>b')
})

test('a pattern matches anywhere', () => {
  assert.ok(parseGoRegexp('anch').matches('rancher/x'))
  assert.ok(!parseGoRegexp('^anch').matches('rancher/x'))
  assert.ok(parseGoRegexp('').matches(''))
})

// C34
test('unsupported syntax is rejected, and the error names it', () => {
  for (const pattern of [
    '(?=a)',
    '(?!a)',
    '(?<=a)',
    '(?<!a)',
    '(a)\\1',
    '(?P=n)',
    'a{2,1}',
    '[z-a]',
    '*',
    'a**',
    '\\',
    '(',
    ')',
    '[',
    '\\Z',
  ]) {
    assert.throws(() => parseGoRegexp(pattern), { code: 'INVALID_REWRITE' }, pattern)
  }
})

// C35
test('a pattern that backtracks in other engines runs in linear time', async () => {
  const took = await processorTime(() => assert.equal(parseGoRegexp('(a+)+$').matches(`${'a'.repeat(50_000)}!`), false))
  assert.ok(took < 5000, `${took} ms`)
})

test('any pattern is compiled or rejected, and any template is expanded', () => {
  const pattern = fc.oneof(fc.string({ maxLength: 12 }), fc.stringMatching(/^[ab(|)*+?.^$\\[\]{}0-9,P<>:-]{0,12}$/))
  fc.assert(
    fc.property(pattern, fc.stringMatching(/^[ab/]{0,8}$/), fc.string({ maxLength: 8 }), (text, input, template) => {
      try {
        const regexp = parseGoRegexp(text)
        if (!regexp.matches(input)) assert.equal(regexp.replaceAll(input, template), input)
        else regexp.replaceAll(input, template)
      } catch (error) {
        assert.ok(isMirrorError(error) && error.code === 'INVALID_REWRITE', String(error))
      }
    }),
    { numRuns: 1000 },
  )
})
