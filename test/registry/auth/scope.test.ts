import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normaliseScopes, parseScopes, pullScope, pushScope } from '../../../src/registry/auth/scope.ts'

test('actions are merged per repository, and what is written to comes first', () => {
  assert.deepEqual(normaliseScopes([pullScope('rancher/a'), pullScope('mirror/b'), 'repository:mirror/b:push', pullScope('rancher/a')]), [
    'repository:mirror/b:pull,push',
    'repository:rancher/a:pull',
  ])
  assert.deepEqual(normaliseScopes(['repository:a:pull,push,delete', pushScope('a')]), ['repository:a:pull,push,delete'])
  assert.deepEqual(normaliseScopes(['repository:a:zebra,*,delete,push,pull']), ['repository:a:pull,push,delete,*,zebra'])
})

test('scopes of another form are kept', () => {
  assert.deepEqual(normaliseScopes(['aws', 'registry:catalog:*', 'aws']), ['aws', 'registry:catalog:*'])
  assert.deepEqual(normaliseScopes(['repository:host:5000/a:pull', 'repository:host:5000/a:push']), ['repository:host:5000/a:pull,push'])
})

test('the scopes of a challenge are bounded', () => {
  assert.deepEqual(parseScopes(undefined), [])
  assert.deepEqual(parseScopes(' repository:a:pull  repository:b:pull '), ['repository:a:pull', 'repository:b:pull'])
  assert.equal(parseScopes('x '.repeat(50)).length, 8)
  assert.deepEqual(parseScopes(`${'x'.repeat(600)} é y`), ['y'])
})

const scope = fc
  .tuple(fc.constantFrom('a', 'b/c', 'h:5000/d'), fc.subarray(['pull', 'push', 'delete', '*'], { minLength: 1 }))
  .map(([path, actions]) => `repository:${path}:${actions.join(',')}`)

test('the normal form is stable, complete, and the same set whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(scope, fc.constant('aws'))), (scopes) => {
      const normal = normaliseScopes(scopes)
      assert.deepEqual(normaliseScopes(normal), normal)
      assert.deepEqual(normaliseScopes(scopes.toReversed()).toSorted(), normal.toSorted())
      const names = normal.map((text) => text.replace(/:[^:]*$/, ''))
      assert.equal(new Set(names).size, names.length)
      const firstReader = normal.findIndex((text) => !text.includes('push'))
      assert.ok(firstReader === -1 || normal.slice(firstReader).every((text) => !text.includes('push')))
    }),
  )
})
