import assert from 'node:assert/strict'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { StoredBytes } from '../../src/layout/stored-bytes.ts'
import { tempDir } from '../servers/temp-dir.ts'

test('counts the files of a directory as they come and go, and neither links nor directories', async () => {
  await using directory = await tempDir()
  const blobs = `${directory.path}/blobs`
  const stored = new StoredBytes(blobs)
  assert.equal(await stored.read(), 0)
  await mkdir(`${blobs}/directory`, { recursive: true })
  await writeFile(`${blobs}/a`, 'x'.repeat(1000))
  await symlink('a', `${blobs}/link`)
  assert.equal(await stored.read(), 1000)
  await writeFile(`${blobs}/b`, 'x'.repeat(20))
  assert.deepEqual(await Promise.all([stored.read(), stored.read()]), [1020, 1020])
  await rm(`${blobs}/a`)
  assert.equal(await stored.read(), 20)
})
