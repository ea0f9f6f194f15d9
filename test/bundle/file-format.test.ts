import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Header } from 'tar'
import { foreignFormat, looksLikeText } from '../../src/bundle/file-format.ts'
import { tarHeader } from '../../src/bundle/tar-map.ts'

for (const [found, start] of [
  ['empty', ''],
  ['a text file', 'docker.io/rancher/x:1\n'],
  ['a text file', 'ä\n'.repeat(171).slice(0, 341)],
  ['a web page', '\uFEFF\n<!DOCTYPE html><html>'],
  ['an XML document', '<?xml version="1.0"?>'],
  ['a text file', '<!-- a comment -->\n# markdown\n'],
  ['a JSON document', '{"schemaVersion": 1}'],
  ['an executable', `\x7fELF${'\0'.repeat(500)}`],
  ['a file of an unknown format', '\x01\x02\0\x03'.repeat(128)],
] as const) {
  test(`recognizes ${found}: ${JSON.stringify(start.slice(0, 12))}`, () => assert.equal(foreignFormat(Buffer.from(start)), found))
}

test('takes any beginning of a tar header for one that was cut off', () => {
  const gnu = Buffer.alloc(512)
  new Header({ path: 'blobs/', type: 'Directory', mode: 0o755 }).encode(gnu)
  for (const block of [tarHeader({ path: 'k3s-mirror.json', size: 600 }), gnu])
    for (let length = 16; length <= 512; length++) assert.equal(foreignFormat(block.subarray(0, length)), undefined, `${length} bytes`)
})

test('takes a tar header with one wrong bit for a damaged one', () => {
  const block = tarHeader({ path: 'k3s-mirror.json', size: 600 })
  for (let bit = 0; bit < 8 * 512; bit++) {
    const damaged = Buffer.from(block)
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(foreignFormat(damaged), undefined, `bit ${bit}`)
  }
})

test('takes UTF-8 that is cut within a character for text, and control characters not', () => {
  assert.ok(looksLikeText(Buffer.from('a\tä\r\n').subarray(0, 3)))
  for (const text of ['a\0b', 'a\x01b']) assert.ok(!looksLikeText(Buffer.from(text)))
  assert.ok(!looksLikeText(Buffer.from('ffff', 'hex')))
})
