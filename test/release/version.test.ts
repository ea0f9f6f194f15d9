import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { compareVersions, formatVersion, hasImageList, parseReleaseName, parseVersion, type K3sVersion } from '../../src/release/version.ts'

const oldestFirst = [
  'v0.1.0',
  'v0.9.1',
  'v0.10.2',
  'v1.0.0-rc1',
  'v1.0.0',
  'v1.0.1',
  'v1.16.2-alpha.1+k3s1',
  'v1.16.15+k3s1',
  'v1.17.0+k3s.1',
  'v1.17.3+k3s1',
  'v1.17.4-alpha1+k3s1',
  'v1.17.4-beta1+k3s1',
  'v1.17.4-rc1+k3s2',
  'v1.17.4+k3s1',
  'v1.22.9+k3s1',
  'v1.22.10+k3s1',
  'v1.30.0-rc1+k3s1',
  'v1.30.0+k3s1',
  'v1.30.0+k3s2',
  'v1.37.1+k3s1',
]

function hintOf(text: string): string {
  try {
    parseReleaseName(text)
  } catch (error) {
    assert.ok(isMirrorError(error))
    assert.equal(error.code, 'USAGE')
    assert.match(error.message, /is not a K3s release tag/)
    return error.hint ?? ''
  }
  return assert.fail(`${text} was accepted`)
}

test('every tag K3s ever used is read and written unchanged', () => {
  for (const tag of oldestFirst) assert.equal(formatVersion(parseVersion(tag)), tag)
})

test('releases are ordered by age', () => {
  const shuffled = oldestFirst.toReversed()
  assert.deepEqual(shuffled.map(parseVersion).toSorted(compareVersions).map(formatVersion), oldestFirst)
})

test('any version survives being written and read', () => {
  const plain = { noNullPrototype: true }
  const count = fc.nat({ max: 999_999 })
  const version = fc.record<K3sVersion>(
    {
      major: fc.constant(1),
      minor: fc.integer({ min: 16, max: 999 }),
      patch: count,
      preRelease: fc.record({ stage: fc.constantFrom('alpha', 'beta', 'rc'), number: count, dotted: fc.boolean() }, plain),
      build: fc.record({ number: count, dotted: fc.boolean() }, plain),
    },
    { requiredKeys: ['major', 'minor', 'patch', 'build'], ...plain },
  )
  fc.assert(fc.property(version, (value) => assert.deepEqual(parseVersion(formatVersion(value)), value)))
})

test('text of any kind is a tag, a channel or a USAGE error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'v1.3+k-rcs 0'.split('')) })), (text) => {
      try {
        const name = parseReleaseName(text)
        assert.equal('tag' in name ? name.tag : name.channel, text)
      } catch (error) {
        assert.ok(isMirrorError(error) && error.code === 'USAGE')
      }
    }),
  )
})

test('what was meant is suggested', () => {
  assert.match(hintOf('1.37.1'), /v1\.37\.1\+k3s1/)
  assert.match(hintOf('v1.37.1'), /v1\.37\.1\+k3s1/)
  assert.match(hintOf('1.37.1+k3s2'), /v1\.37\.1\+k3s2/)
  assert.match(hintOf('v1.33.10-k3s1'), /^Did you mean v1\.33\.10\+k3s1\? Image tags/)
  assert.match(hintOf('v1.37.1%2Bk3s1'), /v1\.37\.1\+k3s1/)
  assert.match(hintOf('v1.37.1 k3s1'), /v1\.37\.1\+k3s1/)
  assert.match(hintOf('v1.30.0-rc1-k3s1'), /v1\.30\.0-rc1\+k3s1/)
  assert.match(hintOf('1.36'), /v1\.36 is a channel/)
  assert.match(hintOf('v1.36.3+rke2r1'), /options\.images/)
  assert.match(hintOf(''), /stable/)
  assert.match(hintOf('../../etc/passwd'), /stable/)
})

test('a minor version is a channel and not a tag', () => {
  assert.deepEqual(parseReleaseName('v1.36'), { channel: 'v1.36' })
  assert.deepEqual(parseReleaseName('stable'), { channel: 'stable' })
  for (const channel of ['v1.16-testing', 'v1.17-testing', 'v1.18-testing']) assert.deepEqual(parseReleaseName(channel), { channel })
  assert.throws(() => parseVersion('v1.36'), { code: 'USAGE', hint: /v1\.36 is a channel/ })
})

test('rejects leading zeros, a missing or needless build, and a tag that is not a release', () => {
  for (const text of [
    'v1.037.1+k3s1',
    'v1.22.17+k3s',
    'v1.0.1+k3s1',
    'v1.23.12+rk3s1',
    'v1.10.5-lite1',
    'v1.37.1+k3s1\n',
    'V1.37.1+k3s1',
  ]) {
    assert.throws(() => parseVersion(text), { code: 'USAGE' }, text)
  }
})

test('lists begin with the first alpha of v1.17.4', () => {
  const first = oldestFirst.indexOf('v1.17.4-alpha1+k3s1')
  for (const [index, tag] of oldestFirst.entries()) assert.equal(hasImageList(parseVersion(tag)), index >= first, tag)
})
