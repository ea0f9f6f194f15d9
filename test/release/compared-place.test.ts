import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readComparedPlace } from '../../src/release/compared-place.ts'
import { tempDir } from '../servers/temp-dir.ts'

test('recognises a side by its form', async () => {
  const kinds: readonly (readonly [text: string, kind: string])[] = [
    ['-', 'images'],
    ['v1.37.1+k3s1', 'release'],
    ['v1.0.1', 'release'],
    ['1.37.1', 'release'],
    ['v1.36', 'release'],
    ['stable', 'release'],
    ['my-channel', 'release'],
    ['oci:site', 'layout'],
    ['./stable', 'images'],
    ['/var/lists/site', 'images'],
    ['none.txt', 'images'],
    ['k3s.tar.zst', 'images'],
    ['k3s.lock', 'images'],
    ['https://example.com/lists/a.txt', 'images'],
    ['https://example.com/list?name=a', 'images'],
    ['https://registry.example.com/mirror', 'registry'],
    ['http://10.0.0.5:5000', 'registry'],
    ['registry.example.com', 'registry'],
    ['registry.example.com/mirror', 'registry'],
    ['registry:5000/mirror', 'registry'],
    ['10.0.0.5', 'registry'],
    ['[::1]:5000/mirror', 'registry'],
    ['localhost', 'registry'],
    ['localhost:5000', 'registry'],
  ]
  for (const [text, kind] of kinds) assert.deepEqual([text, (await readComparedPlace(text)).kind], [text, kind])
})

test('reads a side as its prefix says, except for a host with a port', async () => {
  assert.deepEqual(await readComparedPlace('release:k3s.tar'), { kind: 'release', name: 'k3s.tar', isGuessed: false })
  assert.deepEqual(await readComparedPlace('images:stable'), { kind: 'images', name: 'stable', isGuessed: false })
  assert.deepEqual(await readComparedPlace('registry:mirror/prefix'), { kind: 'registry', name: 'mirror/prefix', isGuessed: false })
  assert.deepEqual(await readComparedPlace('images:5000/mirror'), { kind: 'registry', name: 'images:5000/mirror', isGuessed: true })
})

test('prefers an existing file to a channel and a host, but not to a release tag', async () => {
  await using directory = await tempDir()
  const before = process.cwd()
  for (const name of ['stable', 'registry.example.com', 'v1.37.1+k3s1', 'k3s.tar.001']) await directory.write(name, 'x')
  await mkdir(join(directory.path, 'latest'))
  process.chdir(directory.path)
  try {
    assert.equal((await readComparedPlace('stable')).kind, 'images')
    assert.equal((await readComparedPlace('registry.example.com')).kind, 'images')
    assert.equal((await readComparedPlace('k3s.tar')).kind, 'images')
    assert.equal((await readComparedPlace('v1.37.1+k3s1')).kind, 'release')
    assert.equal((await readComparedPlace('latest')).kind, 'release')
  } finally {
    process.chdir(before)
  }
})

test('refuses a directory, an empty side and what could be anything', async () => {
  await using directory = await tempDir()
  await assert.rejects(readComparedPlace(directory.path), { code: 'USAGE', hint: `pass oci:${directory.path} for an OCI layout` })
  await directory.write('oci-layout', '{}')
  await assert.rejects(readComparedPlace(directory.path), {
    code: 'USAGE',
    message: /is an OCI layout$/,
    hint: `pass oci:${directory.path}`,
  })
  await assert.rejects(readComparedPlace(''), { code: 'USAGE' })
  await assert.rejects(readComparedPlace('mirror/prefix'), { code: 'USAGE', message: /^cannot decide what "mirror\/prefix" is/ })
  await assert.rejects(readComparedPlace('oci:'), { code: 'USAGE' })
})
