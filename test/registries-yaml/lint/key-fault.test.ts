import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isBareIPv6, keyFault, meantKey, type KeyFault } from '../../../src/registries-yaml/lint/key-fault.ts'

const cases: readonly (readonly [key: string, fault: KeyFault | undefined, mirror: string, config?: string])[] = [
  ['*', undefined, '*'],
  ['docker.io', undefined, 'docker.io'],
  ['registry.example.com:5000', undefined, 'registry.example.com:5000'],
  ['[fd00::1]:5000', undefined, '[fd00::1]:5000'],
  ['https://Docker.io/v2', 'scheme', 'docker.io'],
  ['https://index.docker.io/v1/', 'scheme', 'docker.io', 'registry-1.docker.io'],
  ['k3s:secret@docker.io/x', 'userinfo', 'docker.io'],
  ['docker.io/library', 'path', 'docker.io'],
  ['docker.io?x', 'path', 'docker.io'],
  ['fd00::1', 'ipv6', 'fd00::1'],
  ['*.example.com', 'pattern', '*.example.com'],
  ['index.docker.io', 'index-docker-io', 'docker.io', 'registry-1.docker.io'],
  ['index.docker.io:443', 'index-docker-io', 'docker.io', 'registry-1.docker.io'],
  ['Docker.io', 'upper-case', 'docker.io'],
  ['customreg', 'no-registry', 'customreg'],
  ['Customreg', 'upper-case', 'customreg'],
  ['localhost', undefined, 'localhost'],
  ['registry:5000', undefined, 'registry:5000'],
  ['registry-1.docker.io', 'request-host', 'docker.io', 'registry-1.docker.io'],
  ['_default', 'directory', '*'],
  ['registry.example.com_5000_', 'directory', 'registry.example.com:5000'],
]
for (const [key, fault, mirror, config = mirror] of cases) {
  test(`${key}: ${fault ?? 'no fault'}`, () => {
    assert.equal(keyFault(key, 'mirrors'), fault)
    assert.deepEqual([meantKey(key, 'mirrors'), meantKey(key, 'configs')], [mirror, config])
  })
}

test('the suggested key does not have the same fault', () => {
  fc.assert(
    fc.property(fc.webUrl(), fc.constantFrom('mirrors', 'configs'), (url, section) =>
      assert.equal(keyFault(meantKey(url, section), section), undefined),
    ),
  )
})

test('an IPv6 address without brackets is bare, also with a scheme or a port', () => {
  for (const text of ['::1', 'fd00::1', 'https://fd00::1:5000', 'https://fd00::1/v2', '::1:']) assert.ok(isBareIPv6(text), text)
  for (const text of ['[::1]', '[::1]:5000', 'https://[fd00::1]/', 'registry:5000', '1.2.3.4:5000', 'a:b:c'])
    assert.ok(!isBareIPv6(text), text)
})
