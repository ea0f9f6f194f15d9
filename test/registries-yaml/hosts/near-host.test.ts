import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nearness, otherSpelling, type Nearness } from '../../../src/registries-yaml/hosts/near-host.ts'

const cases: readonly (readonly [key: string, host: string, expected: Nearness | undefined])[] = [
  ['registry.example.com:5000', 'Registry.example.com:5000', 'case'],
  ['registry.example.com', 'registry.example.com:5000', 'port'],
  ['registry.example.com:5001', 'registry.example.com:5000', 'port'],
  ['[fd00::1]', '[fd00::1]:5000', 'port'],
  ['192.0.2.1', '192.0.2.1:5000', 'port'],
  ['mycustomreg:5000', 'mycustomreg.com:5000', 'name'],
  ['mycustomreg.com:5000', 'mycustomreg:5000', 'name'],
  ['regisrty.example.com', 'registry.example.com', 'name'],
  ['registy.example.com', 'registry.example.com', 'name'],
  ['registryexample.com', 'registry.example.com', 'name'],
  ['my-registry.example.com', 'my.registry.example.com', 'name'],
  ['mycustomreg:5001', 'mycustomreg.com:5000', undefined],
  ['mirror1.example.com', 'mirror2.example.com', undefined],
  ['mirror-a.example.com', 'mirror-b.example.com', undefined],
  ['eu.example.com', 'us.example.com', undefined],
  ['prod.example.com', 'test.example.com', undefined],
  ['registry.example.com', 'registry.example.org', undefined],
  ['regisrty.exampel.com', 'registry.example.com', undefined],
  ['example.com', 'registry.example.com', undefined],
  ['192.0.2.1:5000', '192.0.2.11:5000', undefined],
  ['registry.example.com', 'registry.example.com', undefined],
]
for (const [key, host, expected] of cases) {
  test(`${key} and ${host}: ${expected ?? 'nothing in common'}`, () => {
    assert.equal(nearness(key, host), expected)
    assert.equal(nearness(host, key), expected)
  })
}

test('any two texts can be compared', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => assert.equal(nearness(a, b), nearness(b, a))),
  )
  assert.equal(nearness('a'.repeat(1_000_000), 'b'.repeat(1_000_000)), undefined)
})

test('the default port is added or removed', () => {
  assert.equal(otherSpelling('registry.example.com', 'https'), 'registry.example.com:443')
  assert.equal(otherSpelling('registry.example.com:443', 'https'), 'registry.example.com')
  assert.equal(otherSpelling('[::1]:80', 'http'), '[::1]')
  assert.equal(otherSpelling('registry.example.com:5000', 'https'), 'registry.example.com:5000')
  assert.equal(otherSpelling('registry.example.com:80', 'https'), 'registry.example.com:80')
})
