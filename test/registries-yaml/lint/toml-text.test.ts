import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { goQuote } from '../../../src/registries-yaml/go/go-quote.ts'
import { readTomlKey, readTomlText } from '../../../src/registries-yaml/lint/toml-text.ts'

test('a string is read as in TOML 1.0', () => {
  assert.equal(readTomlText('"a\\tb \\u00e4 \\\\ \\""'), 'a\tb ä \\ "')
  assert.equal(readTomlText(String.raw`'a\tb'`), String.raw`a\tb`)
  for (const none of ['"a\\.b"', '"\\x41"', '"\\e"', '"\\a"', '"a"b"', '"a\nb"', '"a\u007f"', "'a'b'", '"a', '', '1'])
    assert.equal(readTomlText(none), undefined, none)
  assert.equal(readTomlText('"\\\\x41"'), '\\x41', 'an escaped backslash does not escape the next character')
})

test('text with a line break is not a string', () => {
  assert.equal(readTomlText('"a"\nother = "b"'), undefined)
  assert.equal(readTomlKey('"a" = 2\n"b"'), undefined)
  assert.equal(readTomlKey('"a".b'), undefined)
})

test('a key is read without its escapes', () => {
  assert.equal(readTomlKey('"registry.example.com:5000"'), 'registry.example.com:5000')
  assert.equal(readTomlKey('"a\\tb"'), 'a\tb')
  assert.equal(readTomlKey("'a\\tb'"), 'a\\tb')
  for (const none of ["'it's'", '"a\\db"', '"a\\x41"']) assert.equal(readTomlKey(none), undefined, none)
})

test("text that Go quotes is read back unless it contains Go's own escapes", () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
      // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
      const isOwn = /[\x00-\x07\x0b\x0e-\x1f\x7f]/.test(text)
      assert.equal(readTomlText(goQuote(text)), isOwn ? undefined : text)
    }),
  )
})
