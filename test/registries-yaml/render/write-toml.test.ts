import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'smol-toml'
import {
  isUnreadableKey,
  writeToml,
  type TomlReader,
  type TomlTable,
  type TomlValue,
} from '../../../src/registries-yaml/render/write-toml.ts'

const readers: readonly TomlReader[] = ['go-toml-1', 'go-toml-2']

/** The table as smol-toml gives it. */
function plain(value: TomlValue): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]))
  return Array.isArray(value) ? value.map(plain) : value
}

/** The same with ordinary prototypes. */
function parsed(text: string): unknown {
  return JSON.parse(JSON.stringify(parse(text)))
}

const string = fc.string({ unit: 'grapheme', maxLength: 12 })
const key = fc
  .oneof(string, fc.constantFrom('docker.io', '[::1]:5000', 'a"b', 'a\\b', "a'b", '', '*'))
  .filter((text) => text !== '__proto__')
const { table } = fc.letrec<{ table: TomlTable; value: TomlValue }>((tie) => ({
  table: fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
  value: fc.oneof({ maxDepth: 3 }, string, fc.boolean(), fc.integer(), fc.array(string, { maxLength: 3 }), tie('table')),
}))

test('any table becomes valid TOML with the same content', () => {
  fc.assert(
    fc.property(table, fc.constantFrom(...readers), (document, reader) => {
      assert.deepEqual(parsed(writeToml(document, reader)), JSON.parse(JSON.stringify(plain(document))))
    }),
  )
})

test('names of tables have no brackets and no escapes for go-toml 1', () => {
  fc.assert(
    fc.property(table, (document) => {
      for (const line of writeToml(document, 'go-toml-1')
        .split('\n')
        .filter((text) => text.startsWith('['))) {
        assert.match(line, /^\[[^[\]\\]*\]$/)
      }
    }),
  )
})

test('tables have headers, and a blank line before each', () => {
  const document: TomlTable = new Map<string, TomlValue>([
    ['version', 2],
    [
      'a',
      new Map<string, TomlValue>([
        ['b.c', new Map<string, TomlValue>([['x', ['1', '2']]])],
        ['y', true],
        ['empty', new Map()],
      ]),
    ],
  ])
  assert.equal(writeToml(document, 'go-toml-1'), 'version = 2\n\n[a]\n  y = true\n\n[a."b.c"]\n  x = ["1", "2"]\n\n[a.empty]\n')
})

test('one name that go-toml 1 cannot read turns all tables of its level into dotted keys, in order', () => {
  const document: TomlTable = new Map([
    [
      'host',
      new Map<string, TomlTable>([
        ['http://a', new Map([['x', 1]])],
        [
          'http://[::1]',
          new Map<string, TomlValue>([
            ['x', 2],
            ['y', new Map([['z', 3]])],
            ['w', new Map()],
          ]),
        ],
      ]),
    ],
  ])
  assert.equal(
    writeToml(document, 'go-toml-1'),
    '[host]\n  "http://a".x = 1\n  "http://[::1]".x = 2\n  "http://[::1]".y.z = 3\n  "http://[::1]".w = {}\n',
  )
  assert.equal(
    writeToml(document, 'go-toml-2'),
    '[host."http://a"]\n  x = 1\n\n[host."http://[::1]"]\n  x = 2\n\n[host."http://[::1]".y]\n  z = 3\n\n[host."http://[::1]".w]\n',
  )
})

test('a key with a quotation mark becomes a literal string if possible', () => {
  assert.equal(writeToml(new Map([['a"b', 1]]), 'go-toml-1'), `'a"b' = 1\n`)
  assert.equal(isUnreadableKey('a"b'), false)
  assert.equal(isUnreadableKey(`a"b'`), true)
  assert.equal(isUnreadableKey('a"\n'), true)
})
