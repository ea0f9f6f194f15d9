import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeConfig } from '../../src/node/config-values.ts'
import { YamlDecoder } from '../../src/registries-yaml/read/decode-yaml.ts'
import { parseYaml } from '../../src/registries-yaml/read/yaml-document.ts'
import type { YamlPair } from '../../src/registries-yaml/read/yaml-schema.ts'

/** The arguments that K3s makes of files. */
function argumentsOf(...files: readonly string[]): readonly string[] {
  const read = files.map((text, index) => {
    const decoder = new YamlDecoder(parseYaml(text))
    const pairs = decoder.decode({ type: 'pairs' }) as readonly YamlPair[]
    assert.deepEqual(decoder.problems, [])
    return { path: `${index}.yaml`, pairs }
  })
  return mergeConfig(read).flatMap(({ key, texts }) => texts.map((text) => `${key.length === 1 ? '-' : '--'}${key}=${text}`))
}

// The files and the result are those of K3s' own test: pkg/configfilearg/parser_test.go
test('merges a file and its drop-in files as K3s does', () => {
  const main = `foo-bar: baz
alice: bob
a-slice:
- 1
- "2"
- ""
- three
isempty:
c: b
isfalse: false
islast: true`
  const first = `foo-bar: get-overriden
a-slice:
- 1
- "1.5"
- "2"
- ""
- three
b-string: one
c-slice:
- one
- two
d-slice:
- one
- two
f-string: beta`
  const second = `foo-bar: bar-foo
b-string+: two
c-slice+:
- three
d-slice:
- three
- four
e-slice+:
- one
- two`
  assert.deepEqual(argumentsOf(main, first, second), [
    '--foo-bar=bar-foo',
    '--alice=bob',
    '--a-slice=1',
    '--a-slice=1.5',
    '--a-slice=2',
    '--a-slice=',
    '--a-slice=three',
    '--isempty=',
    '-c=b',
    '--isfalse=false',
    '--islast=true',
    '--b-string=one',
    '--b-string=two',
    '--c-slice=one',
    '--c-slice=two',
    '--c-slice=three',
    '--d-slice=three',
    '--d-slice=four',
    '--f-string=beta',
    '--e-slice=one',
    '--e-slice=two',
  ])
})

test('appends within one file, and replaces what stands above a key without a plus sign', () => {
  assert.deepEqual(argumentsOf('a: 1\na+: 2\n'), ['-a=1', '-a=2'])
  assert.deepEqual(argumentsOf('aa+: 1\naa: 2\n'), ['--aa=2'])
  assert.deepEqual(argumentsOf('aa: [1]\naa+:\n'), ['--aa=1'])
  assert.deepEqual(argumentsOf('aa: []\n'), [])
})

test('ignores the entries that << merges', () => {
  assert.deepEqual(argumentsOf('x: &x {aa: 1}\n<<: *x\nbb: yes\n').slice(1), ['--bb=true'])
})
