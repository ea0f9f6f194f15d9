import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { formatReference, isRepositoryPath, parseReference } from '../../src/oci/reference.ts'
import { nameDestination, type NamingOptions } from '../../src/plan/destination-names.ts'

const name = (source: string, naming: NamingOptions): string => formatReference(nameDestination(parseReference(source), naming))
const registry = 'r.example:5000'

test('keeps path and tag at another registry, under the prefix', () => {
  assert.equal(name('docker.io/rancher/klipper-lb:v0.4.17', { registry }), 'r.example:5000/rancher/klipper-lb:v0.4.17')
  assert.equal(name('docker.io/rancher/klipper-lb:1', { registry, prefix: 'mirror/k3s' }), 'r.example:5000/mirror/k3s/rancher/klipper-lb:1')
  assert.equal(name('alpine', { registry, prefix: '' }), 'r.example:5000/library/alpine:latest')
})

test('keeps the registry of the source in a layout', () => {
  assert.equal(name('ghcr.io/a/b:1', { prefix: 'x' }), 'ghcr.io/x/a/b:1')
})

// A8
test('keeps both tag and digest of a pinned image', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  assert.equal(name(`a/b:1@${digest}`, { registry }), `r.example:5000/a/b:1@${digest}`)
})

test('applies the first matching rule, then flattening, then the prefix', () => {
  const rules = [(path: string) => (path === 'a/b' ? 'c/d' : undefined), () => 'e/f']
  assert.equal(name('a/b:1', { registry, rules }), 'r.example:5000/c/d:1')
  assert.equal(name('a/c:1', { registry, rules }), 'r.example:5000/e/f:1')
  assert.equal(name('a/b:1', { registry, rules, flatten: true, prefix: 'p' }), 'r.example:5000/p/d:1')
})

// C36
test('refuses a rewrite whose result is not a repository name', () => {
  for (const bad of ['', 'Foo', 'foo//..', '/a', 'a/', 'a b', '../a', 'a:1', 'a@b', 'x'.repeat(256)]) {
    assert.throws(() => name('a/b:1', { registry, rules: [() => bad] }), { code: 'INVALID_REWRITE', hint: /options\.rewrite/ }, bad)
  }
  assert.throws(() => name(`a/${'b'.repeat(200)}`, { registry, prefix: 'p'.repeat(60) }), { code: 'INVALID_REWRITE' })
})

test('returns a valid name or refuses, with any rules', () => {
  fc.assert(
    fc.property(fc.string(), fc.boolean(), fc.string({ maxLength: 5 }), (renamed, flatten, prefix) => {
      try {
        assert.ok(isRepositoryPath(nameDestination(parseReference('a/b'), { registry, rules: [() => renamed], flatten, prefix }).path))
      } catch (error) {
        assert.ok(isMirrorError(error) && error.code === 'INVALID_REWRITE')
      }
    }),
  )
})
