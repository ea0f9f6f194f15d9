import assert from 'node:assert/strict'
import { test } from 'node:test'
import { upgradeTag } from '../../src/kubernetes/upgrade-tag.ts'

test('every plus sign of a version becomes a hyphen', () => {
  assert.equal(upgradeTag('v1.37.1+k3s1'), 'v1.37.1-k3s1')
  assert.equal(upgradeTag('v1.38.0-rc1+k3s1'), 'v1.38.0-rc1-k3s1')
})
