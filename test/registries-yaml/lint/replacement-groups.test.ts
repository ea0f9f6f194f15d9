import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseGoRegexp } from '../../../src/registries-yaml/go/go-regexp.ts'
import { replacementFaults } from '../../../src/registries-yaml/lint/replacement-groups.ts'

const pattern = '^(?P<org>[^/]+)/(.*)$'

const good = ['', 'a/b', '$1/$2', '${1}x', '$0', '$org', '${org}-$2', '$1-x', '$1.x', '$$1', 'a$$']
for (const replacement of good)
  test(`${replacement} has no fault`, () => assert.deepEqual(replacementFaults(parseGoRegexp(pattern), replacement), []))

const bad: Readonly<Record<string, readonly [kind: string, text: string, meant: string | undefined]>> = {
  $3: ['no-group', '$3', undefined],
  '${3}': ['no-group', '${3}', undefined],
  '${01}': ['no-group', '${01}', undefined],
  $image: ['no-group', '$image', undefined],
  $1x: ['long-name', '$1x', '${1}x'],
  'x/$1_y': ['long-name', '$1_y', '${1}_y'],
  $org_2: ['long-name', '$org_2', '${org}_2'],
  $12: ['long-name', '$12', '${1}2'],
  '$&': ['bare-dollar', '$&', '$0'],
  '${1': ['bare-dollar', '${1', undefined],
  'a/$': ['bare-dollar', '$', undefined],
  'a/\\1': ['backslash', '\\1', '${1}'],
}
for (const [replacement, [kind, text, meant]] of Object.entries(bad)) {
  test(`${replacement} has the fault ${kind}`, () =>
    assert.deepEqual(replacementFaults(parseGoRegexp(pattern), replacement), [{ kind, text, meant }]))
}

test('a replacement without a fault expands to its own text, whatever the groups match', () => {
  const replacement = fc.array(fc.constantFrom('$1', '$2', '$0', '${1}', '$x', '$1a', '$$', '-', 'a', '{', '}', '&', '1'), { maxLength: 6 })
  fc.assert(
    fc.property(replacement, (parts) => {
      const text = parts.join('')
      if (replacementFaults(parseGoRegexp('^(a)(b)$'), text).length > 0) return
      const expected = text.replace(
        /\$(?:(\$)|([012])|\{([012])\})/g,
        (_, dollar: string | undefined, bare: string | undefined, braced: string | undefined) =>
          dollar === undefined ? (['ab', 'a', 'b'][Number(bare ?? braced)] ?? '') : '$',
      )
      assert.equal(parseGoRegexp('^(a)(b)$').replaceAll('ab', text), expected)
    }),
  )
})
