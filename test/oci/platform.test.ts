import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { formatPlatform, isSamePlatform, matchesPlatform, parsePlatform, pickEntries } from '../../src/oci/platform.ts'

test('a platform that is written is read as the same', () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,8}$/)
  const architecture = fc.oneof(name, fc.constantFrom('arm', 'arm64', 'amd64', 'aarch64', 'armhf', 'armel', 'i386'))
  const variant = fc.oneof(name, fc.constantFrom('v1', 'v7', 'v8', '8'))
  fc.assert(
    fc.property(name, architecture, fc.option(variant), (...parts) => {
      const platform = parsePlatform(parts.filter((part) => part !== null).join('/'))
      assert.deepEqual(parsePlatform(formatPlatform(platform)), platform)
    }),
  )
})

test('anything else is a usage error with an example', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parsePlatform(formatPlatform(parsePlatform(text)))
      } catch (error) {
        assert.ok(isMirrorError(error) && error.code === 'USAGE' && /linux\/amd64/.test(error.hint ?? ''))
      }
    }),
  )
  for (const text of ['', 'linux', 'linux/', '/amd64', 'linux/arm/v7/x', 'linux/arm/', 'linux amd64', 'linux/*']) {
    assert.throws(() => parsePlatform(text), { code: 'USAGE' }, text)
  }
})

test('an alias is read as the name that containerd has for it', () => {
  const aliases = {
    'linux/x86_64': 'linux/amd64',
    'linux/x86-64': 'linux/amd64',
    'Linux/AMD64': 'linux/amd64',
    'linux/amd64/v1': 'linux/amd64',
    'linux/amd64/v3': 'linux/amd64/v3',
    'linux/i386': 'linux/386',
    'linux/aarch64': 'linux/arm64',
    'linux/arm64/8': 'linux/arm64/v8',
    'linux/arm64/v8.0': 'linux/arm64/v8',
    'linux/arm64/9': 'linux/arm64/v9',
    'linux/armhf': 'linux/arm',
    'linux/armel': 'linux/arm/v6',
    'linux/arm/7': 'linux/arm/v7',
    'linux/arm/5': 'linux/arm/v5',
    'macos/arm64': 'darwin/arm64',
    'linux/riscv64': 'linux/riscv64',
  }
  for (const [alias, name] of Object.entries(aliases)) assert.equal(formatPlatform(parsePlatform(alias)), name, alias)
})

/** As an index may write it, aliases and all. */
function written(text: string): { readonly os: string; readonly architecture: string; readonly variant?: string } {
  const [os = '', architecture = '', variant] = text.split('/')
  return { os, architecture, ...(variant !== undefined && { variant }) }
}

/** The entries that are picked, of some that an index may have in any order. */
function picked(entries: string, wanted: string): string {
  const all = entries.split(' ').map((text) => ({ platform: written(text) }))
  const forwards = pickEntries(all, parsePlatform(wanted)).map(({ platform }) => formatPlatform(platform))
  const backwards = pickEntries(all.toReversed(), parsePlatform(wanted)).map(({ platform }) => formatPlatform(platform))
  assert.deepEqual(forwards, backwards.toReversed(), `${wanted} of ${entries} does not depend on the order`)
  return forwards.join(' ')
}

// Facts of https://github.com/containerd/platforms/blob/v1.0.0-rc.4/compare_test.go
test('the best match of an index is picked, whatever the order', () => {
  const arm = 'linux/arm/v5 linux/arm/v6 linux/arm/v7 linux/arm/v8'
  for (const [entries, wanted, expected] of [
    ['linux/amd64 linux/arm/v6', 'linux/arm/v7', 'linux/arm/v6'],
    ['linux/arm/v5 linux/arm/v6', 'linux/arm/v7', 'linux/arm/v6'],
    [arm, 'linux/arm/v7', 'linux/arm/v7'],
    [arm, 'linux/arm', 'linux/arm/v7'],
    [arm, 'linux/armhf', 'linux/arm/v7'],
    [arm, 'linux/armel', 'linux/arm/v6'],
    [arm, 'linux/arm/v8', 'linux/arm/v8'],
    ['linux/arm/v5 linux/arm', 'linux/arm/v7', 'linux/arm'],
    ['linux/armhf', 'linux/arm/v7', 'linux/armhf'],
    ['linux/arm', 'linux/arm/v6', ''],
    ['linux/arm/v4', 'linux/arm/v5', ''],
    ['linux/arm/v7', 'linux/arm/v6', ''],
    ['linux/amd64 linux/amd64/v2 linux/amd64/v3', 'linux/amd64', 'linux/amd64'],
    ['linux/amd64 linux/amd64/v2 linux/amd64/v3', 'linux/amd64/v4', 'linux/amd64/v3'],
    ['linux/amd64/v1', 'linux/amd64', 'linux/amd64/v1'],
    ['linux/amd64/v1 linux/386', 'linux/amd64/v3', 'linux/amd64/v1'],
    ['linux/amd64/v2', 'linux/amd64', ''],
    ['linux/x86_64 linux/arm64', 'linux/amd64', 'linux/x86_64'],
    ['linux/386 linux/amd64', 'linux/amd64', 'linux/amd64'],
    ['linux/386 linux/arm64', 'linux/amd64', 'linux/386'],
    ['linux/i386', 'linux/amd64', 'linux/i386'],
    ['linux/amd64', 'linux/386', ''],
    ['linux/arm64', 'linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64', 'linux/arm64/v8'],
    ['linux/aarch64/8', 'linux/arm64', 'linux/aarch64/8'],
    ['linux/arm64/v8 linux/arm64/v8.1 linux/arm64/v9', 'linux/arm64', 'linux/arm64/v8'],
    ['linux/arm64/v8 linux/arm64/v8.5 linux/arm64/v8.6', 'linux/arm64/v9', 'linux/arm64/v8.5'],
    ['linux/arm64/v8.8 linux/arm64/v9.2', 'linux/arm64/v9.3', 'linux/arm64/v9.2'],
    ['linux/arm64/v8.9 linux/arm64/v8.7', 'linux/arm64/v9.6', 'linux/arm64/v8.9'],
    ['linux/arm64/v7', 'linux/arm64', ''],
    [arm, 'linux/arm64', 'linux/arm/v8'],
    ['linux/arm/v6 linux/arm/v7', 'linux/arm64/v9', 'linux/arm/v7'],
    ['linux/arm64', 'linux/arm/v8', ''],
    ['linux/ppc64le/power9', 'linux/ppc64le', ''],
    ['linux/riscv64', 'linux/riscv64', 'linux/riscv64'],
    ['Linux/AMD64', 'linux/amd64', 'Linux/AMD64'],
    ['macOS/arm64 linux/arm64', 'darwin/arm64', 'macOS/arm64'],
    ['windows/amd64', 'linux/amd64', ''],
    ['unknown/unknown', 'linux/amd64', ''],
  ] as const) {
    assert.equal(picked(entries, wanted), expected, `${wanted} of ${entries}`)
  }
})

test('every version of Windows is picked, because each node chooses by its own', () => {
  const of = (osVersion?: string) => ({ platform: { os: 'windows', architecture: 'amd64', ...(osVersion !== undefined && { osVersion }) } })
  const entries = [of('10.0.17763.1'), { platform: parsePlatform('linux/amd64') }, of('10.0.20348.2'), of()]
  assert.deepEqual(pickEntries(entries, parsePlatform('windows/amd64')), [entries[0], entries[2], entries[3]])
})

test('an entry without a platform is never picked', () => {
  assert.deepEqual(pickEntries([{}, { platform: undefined }], parsePlatform('linux/amd64')), [])
})

test('a platform matches what a node of it falls back to, and is the same only by its names', () => {
  const [v6, v7, arm] = ['linux/arm/v6', 'linux/arm/v7', 'linux/arm'].map(written) as [
    ReturnType<typeof written>,
    ReturnType<typeof written>,
    ReturnType<typeof written>,
  ]
  assert.deepEqual([matchesPlatform(v6, v7), matchesPlatform(v7, v6), matchesPlatform(arm, v7)], [true, false, true])
  assert.deepEqual([isSamePlatform(v6, v7), isSamePlatform(arm, v7)], [false, true])
  assert.ok(isSamePlatform(written('linux/x86_64'), written('linux/amd64/v1')))
  assert.ok(!isSamePlatform({ ...written('windows/amd64'), osVersion: '10.0.17763' }, written('windows/amd64')))
})

test('the Windows version has no place in the written form', () => {
  assert.equal(formatPlatform({ os: 'windows', architecture: 'amd64', osVersion: '10.0.17763.6893' }), 'windows/amd64')
})
