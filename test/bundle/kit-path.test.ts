import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseKitFiles } from '../../src/bundle/bundle-record.ts'
import { conflictOf, isKitPath } from '../../src/bundle/kit-path.ts'
import { kitFile } from './bundle-files.ts'

test('accepts the paths of a kit, and none that another system reads as another place', () => {
  for (const path of ['k3s/v1.37.1+k3s1/k3s-arm64', 'README.md', 'k3s-selinux/k3s-selinux-1.6-1.el9.noarch.rpm', 'console', 'a/com'])
    assert.ok(isKitPath(path), path)
  for (const path of [
    '',
    '/a',
    '../a',
    'a/../b',
    'a//b',
    'a/',
    './a',
    'a/.b',
    'a\\b',
    'C:a',
    'a b',
    'a%2fb',
    'a\n',
    'a\0',
    'ä',
    'a.',
    'a./b',
    '-rf',
    'a/-b',
    'CON',
    'con.txt',
    'a/nul/b',
    'LPT1',
    'Com9.rpm',
    'blobs/sha256/a',
    'Index.json',
    'oci-layout',
    'K3S-mirror.json',
    'k3s-mirror-kit.json',
    `${'a/'.repeat(600)}a`,
  ])
    assert.ok(!isKitPath(path), path)
})

test('finds two paths that no directory can have together', () => {
  assert.deepEqual(conflictOf(['a', 'b', 'a']), ['a', 'a'])
  assert.deepEqual(conflictOf(['k3s/x.rpm', 'k3s/X.rpm']), ['k3s/x.rpm', 'k3s/X.rpm'])
  assert.deepEqual(conflictOf(['k3s/v1/k3s', 'K3s']), ['K3s', 'k3s/v1/k3s'])
  assert.equal(conflictOf(['k3s/v1/k3s', 'k3s/v1/k3s-arm64', 'k3s-v1', 'k']), undefined)
  assert.throws(() => parseKitFiles([kitFile('k3s', 'a'), kitFile('k3s/v1/k3s', 'b')]), {
    code: 'INVALID_MANIFEST',
    message: 'k3s-mirror.json contains two files for one path: k3s and k3s/v1/k3s',
  })
})
