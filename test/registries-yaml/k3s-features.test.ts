import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstVersionsWith, hasFeature, type K3sFeature } from '../../src/registries-yaml/k3s-features.ts'
import { parseVersion } from '../../src/release/version.ts'

// https://docs.k3s.io/installation/private-registry and the release notes of each
const cases: readonly (readonly [feature: K3sFeature, without: readonly string[], having: readonly string[]])[] = [
  ['registries-yaml', ['v0.9.1'], ['v0.10.0', 'v1.0.1', 'v1.17.4+k3s1']],
  ['insecure-skip-verify', ['v1.0.1', 'v1.18.20+k3s1', 'v1.19.0-rc1+k3s1'], ['v1.19.1+k3s1', 'v1.20.0+k3s1']],
  ['rewrite', ['v1.20.15+k3s1'], ['v1.21.0+k3s1', 'v1.36.3+k3s1']],
  ['system-default-registry', ['v1.20.15+k3s1', 'v1.21.0+k3s1'], ['v1.21.1+k3s1', 'v1.22.2+k3s1']],
  [
    'hosts-toml',
    ['v1.25.16+k3s4', 'v1.26.12+k3s1', 'v1.27.9+k3s1', 'v1.29.0+k3s1'],
    ['v1.26.13+k3s1', 'v1.28.6+k3s1', 'v1.29.1+k3s1', 'v1.30.0+k3s1'],
  ],
  [
    'wildcard',
    ['v1.26.13+k3s1', 'v1.27.11+k3s1', 'v1.28.7+k3s1', 'v1.29.2+k3s1'],
    ['v1.26.15+k3s1', 'v1.27.12+k3s1', 'v1.28.8+k3s1', 'v1.29.3+k3s1', 'v1.30.0+k3s1'],
  ],
  ['config-version-3', ['v1.30.14+k3s1', 'v1.31.5+k3s1', 'v1.32.1+k3s1'], ['v1.31.6+k3s1', 'v1.32.2+k3s1', 'v1.33.0+k3s1']],
  [
    'docker-io-credentials',
    ['v1.31.10+k3s1', 'v1.32.6+k3s1', 'v1.33.2+k3s1'],
    ['v1.31.11+k3s1', 'v1.32.7+k3s1', 'v1.33.3+k3s1', 'v1.34.0+k3s1'],
  ],
]

for (const [feature, without, having] of cases) {
  test(`${feature} is in its first version of each minor release, and in later ones`, () => {
    for (const version of without) assert.equal(hasFeature(parseVersion(version), feature), false, version)
    for (const version of having) assert.equal(hasFeature(parseVersion(version), feature), true, version)
    assert.equal(hasFeature(undefined, feature), true, 'the newest version has everything')
  })
}

test('the first versions are formatted with a v', () => {
  assert.equal(firstVersionsWith('rewrite'), 'v1.21.0')
  assert.equal(firstVersionsWith('docker-io-credentials'), 'v1.31.11, v1.32.7, v1.33.3')
})
