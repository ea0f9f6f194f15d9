import assert from 'node:assert/strict'
import { test } from 'node:test'
import { layOut } from '../../../src/registries-yaml/render/lay-out.ts'

test('blank lines are removed, and one is added before every table in the first column', () => {
  assert.equal(layOut('a\n\n  \t\n[b]\nc\n  [d]\n'), 'a\n\n[b]\nc\n  [d]\n')
})

test('blank characters are those of Go', () => {
  assert.equal(layOut('a\n\u0085\n\u00a0\u2003\nb'), 'a\nb\n')
  assert.equal(layOut('a\n\ufeff\nb'), 'a\n\ufeff\nb\n')
})

test('only a carriage return at the end of a line is removed', () => {
  assert.equal(layOut('a\r\nb\rc\r\r\n'), 'a\nb\rc\r\n')
})

test('a line can have 65535 bytes', () => {
  assert.equal(layOut('é'.repeat(32_767)).length, 32_768)
  assert.throws(() => layOut('é'.repeat(32_768)), { code: 'INVALID_CONFIG' })
})
