import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRenameRule } from '../../src/registries-yaml/rename-rule.ts'

test('a rule renames the paths that it matches', () => {
  const rule = parseRenameRule('^rancher/(.*)=k3s/$1')
  assert.equal(rule('rancher/klipper-lb'), 'k3s/klipper-lb')
  assert.equal(rule('library/busybox'), undefined)
})

test('the last equals sign separates, so that a pattern can contain one', () => {
  assert.equal(parseRenameRule('a=b=c')('xa=b'), 'xc')
  assert.equal(parseRenameRule('^x/=')('x/y'), 'y')
})

test('a rule without a pattern is a USAGE error, an invalid pattern is an INVALID_REWRITE error', () => {
  for (const text of ['', '=', '=x', 'rancher']) assert.throws(() => parseRenameRule(text), { code: 'USAGE' }, text)
  assert.throws(() => parseRenameRule('(a=b'), { code: 'INVALID_REWRITE' })
})
