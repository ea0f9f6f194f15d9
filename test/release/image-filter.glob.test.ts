import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import picomatch from 'picomatch'
import { compileGlob } from '../../src/release/image-filter.ts'

const matches = (glob: string, name: string): boolean => compileGlob(glob)(name)

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', '/', '-', ':', '1', '*', '?', '**/', '@') },
  { weight: 1, arbitrary: fc.constantFrom('{a,b}', '{a/b,1}', '{a,{b,1}}', '{a..c}', '[ab]', '[a-z]', '[^a]', '[[:digit:]]', '\\*') },
  // picomatch takes a wildcard behind a group for a quantifier of it
  { weight: 1, arbitrary: fc.constantFrom('?(a)b', '+(a|b)1', '*(a|1)b', '@(a/b|1)-') },
)
const globs = fc
  .array(piece, { minLength: 1, maxLength: 7 })
  .map((pieces) => pieces.join(''))
  // picomatch reads a run of "**/" in a way of its own
  .filter((glob) => !/\*\/\*/.test(glob))
const names = fc
  .array(fc.constantFrom('a', 'b', 'c', '1', '-', 'ab'), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join(''))
  .chain((word) => fc.constantFrom(word, `a/${word}`, `a/b/${word}`, `${word}/b:1`, `${word}:1`, `a.b/${word}`))

test('ordinary globs match what picomatch matches in its bash mode', () => {
  fc.assert(
    fc.property(globs, names, (glob, name) => {
      assert.equal(matches(glob, name), picomatch.isMatch(name, glob, { bash: true, dot: true }), `${glob} on ${name}`)
    }),
    { numRuns: 3000 },
  )
})

test('a star matches slashes, a question mark does not, and two stars with a slash match nothing too', () => {
  for (const glob of ['*', 'a*d', '**', 'a/**', '**/d', 'a/**/d', 'a/?/c/d', '!b*', '!!a*', '[!b]*'])
    assert.ok(matches(glob, 'a/b/c/d'), glob)
  for (const glob of ['a?b/c/d', 'a/?/d', 'a', '/**', '**/c', '!a*', '[^a]*']) assert.ok(!matches(glob, 'a/b/c/d'), glob)
  assert.ok(matches('a/**', 'a'))
  assert.ok(matches('a/**/d', 'a/d'))
  assert.ok(matches('\\[::1\\]:5000/*', '[::1]:5000/a:1'))
})

for (const [glob, reason] of [
  ['', 'it is empty'],
  ['a'.repeat(4097), 'it is longer than 4096 characters'],
  ['a[b', 'a "[" is not closed'],
  ['a[^]', 'a "[" is not closed'],
  ['{a,b', 'a "{" is not closed'],
  ['@(a|b', 'a "(" is not closed'],
  ['a!(b)', '"!(…)" is not supported'],
  ['{'.repeat(21), 'groups are nested more than 20 deep'],
] as const) {
  test(`refuses ${glob.slice(0, 20)}: ${reason}`, () => {
    assert.throws(() => compileGlob(glob), { message: reason })
  })
}

test('no glob takes more than linear time', () => {
  const name = 'a'.repeat(780)
  for (const glob of [
    '*a'.repeat(30),
    '*a'.repeat(2000),
    '+(+(+(a|b)|a)|b)*c',
    '{*a,*b}'.repeat(30),
    '**/'.repeat(1000),
    '[['.repeat(2000),
  ]) {
    const start = process.cpuUsage()
    try {
      assert.equal(matches(`${glob}c`, name), false)
    } catch (error) {
      assert.match(String(error), /is not closed/)
    }
    assert.ok(process.cpuUsage(start).user < 5_000_000, glob.slice(0, 20))
  }
})
