import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { safeLine } from '../../src/text/printable.ts'
import { redactUserinfo } from '../../src/text/redact.ts'

describe('redactUserinfo', () => {
  for (const text of [
    'GET https://user:hunter2@registry.test/v2/ failed',
    'http://hunter2@registry.test',
    'proxy http://user:hun@hunter2@proxy.test:3128/',
    'https://user:hunter2/x@registry.test/v2/',
    'https://user:p/hunter2@registry.test:5000/v2/',
    'invalid reference "user:hunter2@registry.test/rancher/x:1"',
    'user:hunter2@registry.test',
  ]) {
    it(`hides the password in ${text}`, () => assert.doesNotMatch(redactUserinfo(text), /hunter2/))
  }

  for (const text of [
    `http://[::1]:5000/rancher/x@sha256:${'a'.repeat(64)}`,
    `busybox:1@sha256:${'a'.repeat(64)}`,
    `docker.io/rancher/x:1@sha256:${'a'.repeat(64)}`,
    `http://registry.test:5000/v2/rancher/x/manifests/sha256:${'a'.repeat(64)}`,
    `http://registry.test:5000/rancher/x@sha256:${'a'.repeat(64)}`,
    'cannot connect to registry.test:5000: ECONNREFUSED',
    'write to someone@example.com',
  ]) {
    it(`leaves ${text}`, () => assert.equal(redactUserinfo(text), text))
  }
})

describe('safeLine', () => {
  it('shows control characters as escapes', () => {
    assert.equal(safeLine('a\u001B[2Jb\u0000c\u202Ed'), 'a\\u{1b}[2Jb\\u{0}c\\u{202e}d')
  })

  it('is one line without control characters, whatever a server says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(safeLine(text), /[\p{Cc}\u2028\u2029]/u)
      }),
    )
  })
})
