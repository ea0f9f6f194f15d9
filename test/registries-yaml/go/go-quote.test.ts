import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goQuote } from '../../../src/registries-yaml/go/go-quote.ts'

// what `fmt.Printf("%q", …)` prints
const cases: readonly (readonly [text: string, quoted: string])[] = [
  ['pa$$w"o\\rd', '"pa$$w\\"o\\\\rd"'],
  ["it's", `"it's"`],
  ['\x07\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
  ['\x00\x1b\x7f', '"\\x00\\x1b\\x7f"'],
  ['äß€😀', '"äß€😀"'],
  ['\u0085\u00a0\u00ad\u200b\ufeff', '"\\u0085\\u00a0\\u00ad\\u200b\\ufeff"'],
  ['\u{e0001}', '"\\U000e0001"'],
]

for (const [text, quoted] of cases) test(`${quoted} is quoted as Go does`, () => assert.equal(goQuote(text), quoted))
