import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseGoRegexp } from '../../../src/registries-yaml/go/go-regexp.ts'
import { rewriteEffect } from '../../../src/registries-yaml/render/prefix-rewrite.ts'

const prefixes: readonly (readonly [pattern: string, replacement: string, prefix: string])[] = [
  ['^(.*)$', 'proj/$1', 'proj'],
  ['(.*)', 'a/b/$1', 'a/b'],
  ['^(.+)', 'proj/${1}', 'proj'],
  ['(.*)$', 'proj/$0', 'proj'],
  ['.*', 'proj/$0', 'proj'],
  ['^.+$', 'proj/${0}', 'proj'],
  ['^', 'proj/', 'proj'],
  ['^(?P<name>.*)$', 'proj/${name}', 'proj'],
  ['\\A(?<n>.*)\\z', 'proj/$n', 'proj'],
  ['(.*)', '$1', ''],
  ['^', '', ''],
]
const name = fc.stringMatching(/^[a-z0-9]+(?:[._-][a-z0-9]+)*(?:\/[a-z0-9]+){0,3}$/)

for (const [pattern, replacement, prefix] of prefixes) {
  test(`"${pattern}" to "${replacement}" puts "${prefix}" before every name`, () => {
    const effect = rewriteEffect(new Map([[pattern, replacement]]))
    assert.deepEqual(effect, { prefix, patterns: [pattern], invalid: [] })
    const regexp = parseGoRegexp(pattern)
    fc.assert(fc.property(name, (path) => assert.equal(regexp.replaceAll(path, replacement), prefix === '' ? path : `${prefix}/${path}`)))
  })
}

const others: readonly (readonly [pattern: string, replacement: string])[] = [
  ['^rancher/(.*)', 'proj/rancher/$1'],
  ['(.*)', 'proj-$1'],
  ['(.*)', 'proj/$1x'],
  ['(.*)', 'proj/$1/x'],
  ['(.*)', 'proj/$2'],
  ['.*', 'proj/$1'],
  ['(.*)', 'proj'],
  ['(.*)', '$1/$1'],
  ['(.*)', 'a/../$1'],
  ['(.*)', '/a/$1'],
  ['(.*)', 'a//$1'],
  ['(.*)', 'a b/$1'],
  ['(.*)', '$$1/$1'],
  ['^', 'proj'],
  ['^', 'proj/$0'],
  ['', 'proj/'],
  ['(.*)/(.*)', 'proj/$1'],
  ['[a-z](.*)', 'proj/$1'],
]

for (const [pattern, replacement] of others) {
  test(`"${pattern}" to "${replacement}" does not put one prefix before every name`, () => {
    assert.deepEqual(rewriteEffect(new Map([[pattern, replacement]])), { prefix: undefined, patterns: [pattern], invalid: [] })
  })
}

test('several rewrites have no prefix, because their order is random', () => {
  assert.equal(
    rewriteEffect(
      new Map([
        ['(.*)', 'a/$1'],
        ['^', 'a/'],
      ]),
    ).prefix,
    undefined,
  )
})

test('an invalid regular expression has no effect', () => {
  assert.deepEqual(
    rewriteEffect(
      new Map([
        ['(?=x)', 'a'],
        ['^', 'p/'],
      ]),
    ),
    { prefix: 'p', patterns: ['^'], invalid: ['(?=x)'] },
  )
  assert.deepEqual(rewriteEffect(new Map([['(', 'a']])), { prefix: '', patterns: [], invalid: ['('] })
  assert.deepEqual(rewriteEffect(new Map()), { prefix: '', patterns: [], invalid: [] })
})

test('a detected prefix has the same effect as the rewrite', () => {
  const pattern = fc.stringMatching(/^\^?\(?\.[*+]\)?\$?$/)
  const replacement = fc.stringMatching(/^[a/.]{0,4}(?:\$[012]|\$\{[01]\})?[a/]?$/)
  fc.assert(
    fc.property(pattern, replacement, name, (from, to, path) => {
      const { prefix, invalid } = rewriteEffect(new Map([[from, to]]))
      if (prefix === undefined || invalid.length > 0) return
      assert.equal(parseGoRegexp(from).replaceAll(path, to), prefix === '' ? path : `${prefix}/${path}`)
    }),
  )
})
