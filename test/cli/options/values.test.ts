import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNodeVersion } from '../../../src/cli/options/values.ts'
import { formatVersion } from '../../../src/release/version.ts'

test('a version of K3s may lack v and +k3s1', () => {
  for (const text of ['v1.30.4+k3s1', '1.30.4', 'v1.30.4']) {
    const { version, product } = parseNodeVersion(text)
    assert.deepEqual([formatVersion(version), product], ['v1.30.4+k3s1', undefined])
  }
})

test('a version of RKE2 is the Kubernetes version of an RKE2 node', () => {
  for (const text of ['v1.36.3+rke2r1', 'v1.36.3-rc1+rke2r2', 'v1.36.3-beta20+rke2', 'v1.36.3-alpha1+rke2r1'])
    assert.deepEqual(parseNodeVersion(text), { version: { major: 1, minor: 36, patch: 3 }, product: 'rke2' }, text)
})

test('the error about a version contains the one that was meant', () => {
  for (const text of ['v1.36.3-rke2r1', '1.36.3+rke2r1'])
    assert.throws(() => parseNodeVersion(text), /Did you mean v1\.36\.3\+rke2r1\?/, text)
  assert.throws(() => parseNodeVersion('rke2'), /a release of RKE2 such as/)
  assert.throws(() => parseNodeVersion('v1.30.4-k3s1'), /Did you mean v1\.30\.4\+k3s1\?/)
  for (const text of ['v1.30', 'stable']) assert.throws(() => parseNodeVersion(text), /expected a release such as v1/, text)
})
