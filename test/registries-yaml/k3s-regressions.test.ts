import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixedRelease, hasRegression, issuesOf, type K3sRegression } from '../../src/registries-yaml/k3s-regressions.ts'
import { parseVersion, readRke2Version } from '../../src/release/version.ts'

const cases: readonly (readonly [regression: K3sRegression, having: readonly string[], without: readonly string[]])[] = [
  [
    'bare-endpoints',
    ['v1.26.13+k3s1', 'v1.29.1+k3s1', 'v1.29.1-rc1+k3s1'],
    ['v1.26.13+k3s2', 'v1.29.1+k3s2', 'v1.29.2+k3s1', 'v1.29.0+k3s1'],
  ],
  ['tls-without-mirror', ['v1.27.12+k3s1', 'v1.28.8+k3s1', 'v1.29.3+k3s1'], ['v1.28.7+k3s1', 'v1.29.4+k3s1', 'v1.30.0+k3s1']],
  [
    'embedded-registry-wildcard',
    ['v1.31.14+k3s1', 'v1.32.10+k3s1', 'v1.32.11+k3s3', 'v1.33.6+k3s1', 'v1.33.7+k3s1', 'v1.34.2+k3s1', 'v1.34.3+k3s3', 'v1.35.0+k3s1'],
    ['v1.31.13+k3s1', 'v1.32.12+k3s1', 'v1.33.5+k3s1', 'v1.33.8+k3s1', 'v1.34.1+k3s1', 'v1.34.4+k3s1', 'v1.35.1+k3s1', 'v1.36.0+k3s1'],
  ],
  [
    'embedded-registry-imports',
    ['v1.31.14+k3s1', 'v1.32.10+k3s1', 'v1.33.6+k3s1', 'v1.34.2+k3s1'],
    ['v1.32.11+k3s1', 'v1.33.7+k3s1', 'v1.34.1+k3s1', 'v1.34.3+k3s1', 'v1.35.0+k3s1'],
  ],
  ['wildcard-fallback', ['v1.31.6+k3s1', 'v1.32.2+k3s1'], ['v1.31.5+k3s1', 'v1.31.7+k3s1', 'v1.32.3+k3s1', 'v1.30.10+k3s1']],
]

for (const [regression, having, without] of cases) {
  test(`${regression} is in the affected releases`, () => {
    for (const version of having) assert.equal(hasRegression(parseVersion(version), regression), true, version)
    for (const version of without) assert.equal(hasRegression(parseVersion(version), regression), false, version)
  })
}

test('RKE2 releases of the same Kubernetes version have the same bugs, except the one that they fixed before', () => {
  const at = (tag: string, regression: K3sRegression): boolean => {
    const version = readRke2Version(tag)
    assert.ok(version !== undefined)
    return hasRegression(version, regression, 'rke2')
  }
  assert.equal(at('v1.34.2+rke2r1', 'embedded-registry-imports'), true)
  assert.equal(at('v1.35.0+rke2r3', 'embedded-registry-wildcard'), true)
  assert.equal(at('v1.35.1+rke2r1', 'embedded-registry-wildcard'), false)
  assert.equal(at('v1.29.1+rke2r1', 'bare-endpoints'), false)
})

test('the fixed release is of the same minor version, or of the next one with the fix', () => {
  assert.equal(fixedRelease(parseVersion('v1.34.2+k3s1'), 'embedded-registry-imports'), 'v1.34.3')
  assert.equal(fixedRelease(parseVersion('v1.31.14+k3s1'), 'embedded-registry-imports'), 'v1.32.11')
  assert.equal(issuesOf('embedded-registry-imports'), 'k3s-io/k3s#13222, #13855')
})
