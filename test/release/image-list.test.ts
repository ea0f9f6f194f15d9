import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import type { Reference } from '../../src/oci/reference.ts'
import { formatImageList, parseImageList, parseReferences } from '../../src/release/image-list.ts'
import { decodeList } from '../../src/release/list-text.ts'
import { fixture, sha256Hex } from './file-server.ts'

const alpine: Reference = { registry: 'docker.io', path: 'library/alpine', tag: 'latest' }
const parse = (text: string): readonly Reference[] => parseImageList(text, 'list.txt').images

test('blank lines, comments, CRLF, a byte order mark and a missing final newline are accepted', () => {
  assert.deepEqual(parse('\uFEFF# images\r\n\r\n  \t\r\nalpine\r\n  alpine\t# twice\r\nalpine'), [alpine, alpine, alpine])
  assert.deepEqual(parse('alpine\ralpine:latest\r'), [alpine, alpine])
})

test('# begins a comment only at the start or after white space', () => {
  assert.deepEqual(parse('alpine #comment # more'), [alpine])
  assert.deepEqual(parse('#alpine\nalpine'), [alpine])
  assert.throws(() => parse('alpine#comment'), { code: 'INVALID_REFERENCE', message: /^list\.txt:1: / })
})

test('an error names the list and the line', () => {
  assert.throws(() => parse('# one\nalpine\nUbuntu:latest\n'), {
    code: 'INVALID_REFERENCE',
    message: 'list.txt:3: invalid image reference "Ubuntu:latest": repository names are lower case',
  })
  assert.throws(() => parse('alpine\r\n\r\nhttps://h/a\r\n'), { message: /^list\.txt:3: .*scheme/, hint: /without http/ })
  assert.throws(() => parse('a\u001b[31mb'), {
    message: String.raw`list.txt:1: invalid image reference "a\x1b[31mb": it contains a space, a control character or a non-ASCII character`,
  })
  assert.throws(() => parse('alpine busybox'), { message: /^list\.txt:1: .*space/ })
})

test('a list without images is refused', () => {
  for (const text of ['', '\n\n', '# nothing\n', ' \t'])
    assert.throws(() => parse(text), { code: 'INVALID_LIST', message: 'list.txt: the list contains no images' })
})

test('a list has at most 100 000 lines', () => {
  assert.equal(parse('alpine\n'.repeat(100_000)).length, 100_000)
  assert.throws(() => parse('alpine\n'.repeat(100_001)), { code: 'INVALID_LIST', message: /more than 100 000 lines/ })
  assert.throws(() => parse('\n'.repeat(1_000_000)), { code: 'INVALID_LIST', message: /more than 100 000 lines/ })
})

test('a host with a port and no repository is read by the grammar, with a warning', () => {
  const warning = '"test.com:5000" is read as docker.io/library/test.com with the tag 5000'
  assert.deepEqual(parseReferences(['test.com:5000']), {
    images: [{ registry: 'docker.io', path: 'library/test.com', tag: '5000' }],
    warnings: [warning],
  })
  assert.deepEqual(parseImageList('alpine\ntest.com:5000', 'x').warnings, [warning])
  assert.deepEqual(parseReferences(['alpine:3', 'test.com:5000/a']).warnings, [])
})

test('reads names only from the list', () => {
  assert.deepEqual(parse('ghcr.io/k3s-io/mirrored-pause:3.10.2'), [{ registry: 'ghcr.io', path: 'k3s-io/mirrored-pause', tag: '3.10.2' }])
})

test('lists survive being written and read', () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 64, maxLength: 64 })
  const path = fc.array(word, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/'))
  const reference = fc
    .record({
      registry: fc.constantFrom('docker.io', 'ghcr.io', 'localhost:5000', '[::1]:5000', '10.0.0.1'),
      path,
      tag: fc.stringMatching(/^\w[\w.-]{0,20}$/),
      digest: hex.map((text) => `sha256:${text}` as const),
      which: fc.constantFrom('tag', 'digest', 'both'),
    })
    .map(({ registry, path: name, tag, digest, which }): Reference => {
      if (which === 'tag') return { registry, path: name, tag }
      return which === 'digest' ? { registry, path: name, digest } : { registry, path: name, tag, digest }
    })
  fc.assert(
    fc.property(fc.array(reference, { minLength: 1 }), (images) => {
      assert.deepEqual(parseImageList(formatImageList(images), 'x').images, images)
    }),
  )
})

test('text of any kind is a list or a MirrorError', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parseImageList(text, 'x')
      } catch (error) {
        assert.ok(isMirrorError(error))
      }
    }),
  )
})

test('every real list is read whole, and K3s lists are written back byte for byte', async () => {
  const names = (await readdir(new URL('../../fixtures/release/', import.meta.url))).filter((name) => name.endsWith('.txt'))
  assert.ok(names.length >= 8)
  const facts = (await fixture('README.md')).toString()
  for (const name of names) {
    const bytes = await fixture(name)
    const text = decodeList(bytes, name)
    const { images, warnings } = parseImageList(text, name)
    assert.equal(images.length, text.trimEnd().split('\n').length, name)
    assert.deepEqual(warnings, [], name)
    assert.ok(facts.includes(sha256Hex(bytes)), `${name} is not the file that README.md describes`)
    if (name.startsWith('k3s-images.')) assert.equal(formatImageList(images), text, name)
  }
})
