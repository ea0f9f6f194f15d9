import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { formatReference, isRepositoryPath, parseReference } from '../../src/oci/reference.ts'
import { nameDestination, type NamingOptions } from '../../src/plan/destination-names.ts'

const name = (source: string, naming: NamingOptions): string => formatReference(nameDestination(parseReference(source), naming))
const registry = 'r.example:5000'

test('an image keeps its path and tag at another registry, under the prefix', () => {
  assert.equal(name('docker.io/rancher/klipper-lb:v0.4.17', { registry }), 'r.example:5000/rancher/klipper-lb:v0.4.17')
  assert.equal(name('docker.io/rancher/klipper-lb:1', { registry, prefix: 'mirror/k3s' }), 'r.example:5000/mirror/k3s/rancher/klipper-lb:1')
  assert.equal(name('alpine', { registry, prefix: '' }), 'r.example:5000/library/alpine:latest')
})

test('without a registry, as in a layout, the source keeps its own', () => {
  assert.equal(name('ghcr.io/a/b:1', { prefix: 'x' }), 'ghcr.io/x/a/b:1')
})

// A8
test('tag and digest of a pinned image both go along', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  assert.equal(name(`a/b:1@${digest}`, { registry }), `r.example:5000/a/b:1@${digest}`)
})

test('the first rule that applies renames; then comes flattening, then the prefix', () => {
  const rules = [(path: string) => (path === 'a/b' ? 'c/d' : undefined), () => 'e/f']
  assert.equal(name('a/b:1', { registry, rules }), 'r.example:5000/c/d:1')
  assert.equal(name('a/c:1', { registry, rules }), 'r.example:5000/e/f:1')
  assert.equal(name('a/b:1', { registry, rules, flatten: true, prefix: 'p' }), 'r.example:5000/p/d:1')
})

// C36
test('a rewrite whose result is not a repository name is refused', () => {
  for (const bad of ['', 'Foo', 'foo//..', '/a', 'a/', 'a b', '../a', 'a:1', 'a@b', 'x'.repeat(256)]) {
    assert.throws(() => name('a/b:1', { registry, rules: [() => bad] }), { code: 'INVALID_REWRITE', hint: /options\.rewrite/ }, bad)
  }
  assert.throws(() => name(`a/${'b'.repeat(200)}`, { registry, prefix: 'p'.repeat(60) }), { code: 'INVALID_REWRITE' })
})

test('whatever the rules make of it, the name is one or refused', () => {
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
