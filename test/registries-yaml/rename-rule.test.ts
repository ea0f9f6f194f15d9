import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRenameRule } from '../../src/registries-yaml/rename-rule.ts'

test('a rule renames what it matches and leaves the rest to the next', () => {
  const rule = parseRenameRule('^rancher/(.*)=k3s/$1')
  assert.equal(rule('rancher/klipper-lb'), 'k3s/klipper-lb')
  assert.equal(rule('library/busybox'), undefined)
})

test('the last equals sign divides, so that a pattern may hold one', () => {
  assert.equal(parseRenameRule('a=b=c')('xa=b'), 'xc')
  assert.equal(parseRenameRule('^x/=')('x/y'), 'y')
})

test('a rule without both sides is a usage error, and a wrong pattern a wrong rewrite', () => {
  for (const text of ['', '=', '=x', 'rancher']) assert.throws(() => parseRenameRule(text), { code: 'USAGE' }, text)
  assert.throws(() => parseRenameRule('(a=b'), { code: 'INVALID_REWRITE' })
})
