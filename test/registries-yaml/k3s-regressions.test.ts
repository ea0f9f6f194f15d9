import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasRegression, type K3sRegression } from '../../src/registries-yaml/k3s-regressions.ts'
import { parseVersion } from '../../src/release/version.ts'

const cases: readonly (readonly [regression: K3sRegression, having: readonly string[], without: readonly string[]])[] = [
  [
    'bare-endpoints',
    ['v1.26.13+k3s1', 'v1.29.1+k3s1', 'v1.29.1-rc1+k3s1'],
    ['v1.26.13+k3s2', 'v1.29.1+k3s2', 'v1.29.2+k3s1', 'v1.29.0+k3s1'],
  ],
  ['tls-without-mirror', ['v1.27.12+k3s1', 'v1.28.8+k3s1', 'v1.29.3+k3s1'], ['v1.28.7+k3s1', 'v1.29.4+k3s1', 'v1.30.0+k3s1']],
  ['wildcard-fallback', ['v1.31.6+k3s1', 'v1.32.2+k3s1'], ['v1.31.5+k3s1', 'v1.31.7+k3s1', 'v1.32.3+k3s1', 'v1.30.10+k3s1']],
]

for (const [regression, having, without] of cases) {
  test(`${regression} is in the affected releases`, () => {
    for (const version of having) assert.equal(hasRegression(parseVersion(version), regression), true, version)
    for (const version of without) assert.equal(hasRegression(parseVersion(version), regression), false, version)
  })
}
