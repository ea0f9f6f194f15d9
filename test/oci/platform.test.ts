import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { formatPlatform, matchesPlatform, parsePlatform } from '../../src/oci/platform.ts'

test('a platform that is written is read as the same', () => {
  const part = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,8}$/)
  fc.assert(
    fc.property(part, part, fc.option(part), (os, architecture, variant) => {
      const platform = variant === null ? { os, architecture } : { os, architecture, variant }
      assert.deepEqual(parsePlatform(formatPlatform(platform)), platform)
    }),
  )
})

test('anything else is a usage error with an example', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        assert.equal(formatPlatform(parsePlatform(text)), text)
      } catch (error) {
        assert.ok(isMirrorError(error) && error.code === 'USAGE' && /linux\/amd64/.test(error.hint ?? ''))
      }
    }),
  )
  for (const text of ['', 'linux', 'linux/', '/amd64', 'linux/arm/v7/x', 'Linux/amd64', 'linux/arm/', 'linux amd64']) {
    assert.throws(() => parsePlatform(text), { code: 'USAGE' }, text)
  }
})

const match = (entry: string, wanted: string): boolean => matchesPlatform(parsePlatform(entry), parsePlatform(wanted))

test('a wanted platform matches as containerd has it', () => {
  assert.ok(match('linux/amd64', 'linux/amd64'))
  assert.ok(match('linux/arm64/v8', 'linux/arm64'))
  assert.ok(match('linux/arm64', 'linux/arm64/v8'), 'arm64 is v8 where it does not say')
  assert.ok(match('linux/arm/v6', 'linux/arm'), 'arm alone takes every variant')
  assert.ok(match('linux/arm', 'linux/arm/v7'), 'arm is v7 where it does not say')
  assert.ok(!match('linux/arm/v6', 'linux/arm/v7'))
  assert.ok(!match('windows/amd64', 'linux/amd64'))
  assert.ok(!match('linux/amd64', 'linux/arm64'))
  assert.ok(!match('linux/amd64', 'linux/amd64/v3'))
})

test('the Windows version has no place in the written form', () => {
  assert.equal(formatPlatform({ os: 'windows', architecture: 'amd64', osVersion: '10.0.17763.6893' }), 'windows/amd64')
})
