import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { formatLock } from '../../src/lock/format-lock.ts'
import { looksLikeLock, type Lock } from '../../src/lock/lock.ts'
import { parseLock } from '../../src/lock/parse-lock.ts'
import { sha256, type Digest } from '../../src/oci/digest.ts'

const digest = (text: string): Digest => sha256(Buffer.from(text))

const lock: Lock = {
  schemaVersion: 1,
  lists: [
    { name: 'v1.37.1+k3s1', release: 'v1.37.1+k3s1', channel: 'stable', sha256: digest('list').slice(7), coverage: 'none', images: 2 },
  ],
  platforms: ['linux/amd64', 'windows/amd64'],
  images: [
    {
      reference: 'docker.io/rancher/mirrored-pause:3.6',
      digest: digest('index'),
      mirroredDigest: digest('subset'),
      mediaType: 'application/vnd.oci.image.index.v1+json',
      size: 1234,
      platforms: [
        { platform: 'linux/amd64', digest: digest('linux') },
        { platform: 'windows/amd64', osVersion: '10.0.17763.6893', digest: digest('windows') },
      ],
      releases: ['v1.37.1+k3s1'],
    },
  ],
  bundle: {
    digest: digest('bundle'),
    contents: [{ digest: digest('blob'), size: 0, kind: 'blob', image: 'docker.io/rancher/mirrored-pause:3.6' }],
  },
}
const text = formatLock(lock)

test('reads what it writes, and writes the same bytes again', () => {
  assert.deepEqual(parseLock(text, 'lock'), lock)
  assert.equal(formatLock(parseLock(text, 'lock')), text)
  assert.ok(text.endsWith('\n') && looksLikeLock(text) && looksLikeLock(text.slice(0, 100)))
})

test('reads a lock with Windows line ends, and one that was converted to JSON', () => {
  assert.deepEqual(parseLock(`\uFEFF${text.replaceAll('\n', '\r\n')}`, 'lock'), lock)
  assert.deepEqual(parseLock(JSON.stringify(parse(text), null, 2), 'lock'), lock)
})

test('other parsers read the same texts and numbers, of YAML 1.1 and 1.2', () => {
  const texts = ['no', '1_000', '0x1f', '1e3', '2026-12-01', '~', 'null', 'a: b', '# x', '- x', '"', "'", '<<', '=', '@x', '%x', 'é']
  for (const name of texts) {
    const named = { ...lock, lists: lock.lists.map((list) => ({ ...list, name })) }
    const written = formatLock(named)
    assert.deepEqual(parseLock(written, 'lock'), named)
    for (const version of ['1.1', '1.2'] as const) assert.deepEqual(parse(written, { version }), named)
  }
})

test('any list name and size survives', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme-ascii' }), fc.nat(), (name, size) => {
      const [image] = lock.images
      assert.ok(image !== undefined)
      const { channel: _none, ...list } = lock.lists[0] as Lock['lists'][number]
      const one: Lock = { schemaVersion: 1, lists: [{ ...list, name }], images: [{ ...image, size }] }
      assert.deepEqual(parseLock(formatLock(one), 'lock'), one)
    }),
  )
})

const bad: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ['an unknown key', text.replace('    size: 1234', '    sise: 1234'), /^k3s\.lock:19:5: unknown key images\[0\]\.sise$/],
  ['a missing key', text.replace('    size: 1234\n', ''), /^k3s\.lock:15:5: images\[0\] has no size$/],
  [
    'a digest that was cut',
    text.replace(digest('index'), digest('index').slice(0, -1)),
    /^k3s\.lock:16:13: images\[0\]\.digest is not a digest/,
  ],
  ['a size that is not a number', text.replace('1234', '1.2e3'), /^k3s\.lock:19:11: images\[0\]\.size is not a whole number$/],
  ['an unknown coverage', text.replace('coverage: none', 'coverage: all'), /^k3s\.lock:9:15: lists\[0\]\.coverage is not .* or none$/],
  ['a reference with a digest of its own', text.replace('pause:3.6', `pause:3.6@${digest('x')}`), /reference has a digest of its own$/],
  ['an invalid reference', text.replace('mirrored-pause', 'Mirrored'), /^k3s\.lock:15:16: invalid image reference /],
  ['an invalid platform', text.replace('- windows/amd64', '- windows'), /^k3s\.lock:13:5: platforms\[1\] is not a platform/],
  [
    'a key that is given twice',
    text.replace('    size: 1234', '    size: 1\n    size: 1234'),
    /^k3s\.lock:20:5: images\[0\]\.size is given twice$/,
  ],
  [
    'a merge conflict',
    text.replace('    size: 1234', '<<<<<<< HEAD\n    size: 1\n=======\n    size: 2\n>>>>>>> main'),
    /^k3s\.lock:19: unresolved merge conflict$/,
  ],
  ['a later version', text.replace('schemaVersion: 1', 'schemaVersion: 2\nnew: 1'), /^k3s\.lock: unsupported schemaVersion 2: expected 1$/],
  ['an alias', text.replace('size: 1234', 'size: *bomb'), /^k3s\.lock:19:11: invalid YAML: /],
  [
    'an anchor with its alias',
    text.replace('size: 1234', 'size: &a 1').replace('size: 0', 'size: *a'),
    /bundle\.contents\[0\]\.size is not a whole number$/,
  ],
  ['a second document', `${text}---\n${text}`, /text after the end of the lock$/],
  ['a list', '- x\n', /^k3s\.lock:1:1: the file is not a mapping$/],
  ['an empty file', '# nothing\n', /^k3s\.lock: the file is not a mapping$/],
  ['text that ends early', text.slice(0, text.indexOf('osVersion') + 4), /^k3s\.lock:\d+:\d+: /],
  ['brackets without end', `schemaVersion: ${'['.repeat(100_000)}`, /invalid YAML: nested too deeply$/],
]

for (const [what, given, message] of bad) {
  test(`reports ${what} with its line`, () => {
    assert.notEqual(given, text)
    assert.throws(() => parseLock(given, 'k3s.lock'), { code: 'INVALID_LIST', message })
  })
}

test('refuses an image that is named twice', () => {
  const [image] = lock.images
  const twice = formatLock({ ...lock, images: [image, image] as Lock['images'] })
  assert.throws(() => parseLock(twice, 'k3s.lock'), { message: /^k3s\.lock:28:5: images\[1\] names .*pause:3\.6 a second time$/ })
})

test('any damage is an error of the file, or still a lock', () => {
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(40), fc.string({ maxLength: 6 }), (at, length, insert) => {
      const damaged = text.slice(0, at) + insert + text.slice(at + length)
      try {
        parseLock(damaged, 'k3s.lock')
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'INVALID_LIST', String(error))
        assert.match((error as Error).message, /^k3s\.lock[: ]/)
      }
    }),
  )
})
