import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readKeptSources } from '../../../src/cli/files/kept-sources.ts'
import { tempDir } from '../../servers/temp-dir.ts'

test('distinguishes releases, channels, lists and images', async () => {
  const releases = ['v1.37.1+k3s1', 'v1.36.3-rc1+k3s1', 'stable', 'v1.36', 'v1.36-testing']
  const images = ['-', './stable', '/tmp/list', 'list.txt', 'k3s.tar.zst', 'k3s.lock', 'lock.json', 'oci:site', 'https://example.com/list']
  const references = [
    'alpine:3.20',
    'docker.io/rancher/klipper-lb:v0.4.17',
    'localhost:5000/x:1',
    `x@sha256:${'0'.repeat(64)}`,
    'rancher/x',
  ]
  assert.deepEqual(await readKeptSources([...releases, ...images, ...references]), { releases, images, references })
})

test('a file that exists is a list, whatever its name, unless that is a release', async () => {
  await using directory = await tempDir()
  const file = await directory.write('images', '')
  assert.deepEqual(await readKeptSources([file]), { releases: [], images: [file], references: [] })
  const before = process.cwd()
  process.chdir(directory.path)
  try {
    await directory.write('v1.37.1+k3s1', '')
    assert.deepEqual(await readKeptSources(['images', 'v1.37.1+k3s1', '']), {
      releases: ['v1.37.1+k3s1'],
      images: ['images', ''],
      references: [],
    })
  } finally {
    process.chdir(before)
  }
})
