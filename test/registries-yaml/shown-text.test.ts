import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { shown, shownPath } from '../../src/registries-yaml/shown-text.ts'

test('text that may be a secret is masked', () => {
  assert.equal(shown('registry.example.com:5000'), '"registry.example.com:5000"')
  assert.equal(shown('https://u:p@host/path'), '"https://***@host/path"')
  assert.equal(shown('u:p/w@x@host'), '"***@host"')
  assert.equal(shown('https://host/?token=x'), '"https://host/?***"')
  assert.equal(shown('https://host?'), '"https://host?"')
})

test('a path quotes keys with special characters', () => {
  assert.equal(shownPath(['mirrors', 'docker.io', 'endpoint', 2]), 'mirrors."docker.io".endpoint[2]')
  assert.equal(shownPath([]), '')
  assert.equal(shownPath(['https://u:p@h', 'auth']), '"https://***@h".auth')
  assert.equal(shownPath(['configs', 'h:5000', 'auth', 'password:secret']), 'configs."h:5000".auth."password:***"')
  assert.equal(shownPath(['mirrors', 'h', 'rewrite', '(?i:a)']), 'mirrors.h.rewrite."(?***"')
})

test('any text becomes one line of bounded length', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) => {
      assert.match(shown(text), /^"[^\p{Cc}\p{Cf}\u2028\u2029]*"$/u)
      assert.ok(shown(text).length < 2500)
    }),
  )
})
