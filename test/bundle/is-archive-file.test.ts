import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isArchiveFile } from '../../src/bundle/is-archive-file.ts'
import { tempDir } from '../servers/temp-dir.ts'

test('distinguishes archives from lists, lock files and what is missing', async () => {
  await using directory = await tempDir()
  const write = (name: string, content: string | Uint8Array): Promise<string> => directory.write(name, content)
  const zstd = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0])
  assert.equal(await isArchiveFile(await write('k3s.tar', Buffer.alloc(1024))), true)
  assert.equal(await isArchiveFile(await write('k3s.tar.zst', zstd)), true)
  assert.equal(await isArchiveFile(await write('list.txt', 'docker.io/rancher/x:1\n')), false)
  assert.equal(await isArchiveFile(await write('k3s.lock', '{"schemaVersion":1}')), false)
  assert.equal(await isArchiveFile(await write('empty', '')), false)
  assert.equal(await isArchiveFile(`${directory.path}/none`), false)
  assert.equal(await isArchiveFile(directory.path), false)
})

test('recognises a bundle in parts by its name and by its list', async () => {
  await using directory = await tempDir()
  await directory.write('k3s.tar.001', Buffer.alloc(1024))
  const list = await directory.write('k3s.tar.sha256', `${'0'.repeat(64)}  k3s.tar.001\n`)
  assert.equal(await isArchiveFile(`${directory.path}/k3s.tar`), true)
  assert.equal(await isArchiveFile(list), true)
})
