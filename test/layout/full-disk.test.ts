import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openLayout } from '../../src/layout/open-layout.ts'
import { createRegistryServer } from '../../src/registry-server/registry-server.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { contentOf, storeImage, tinyBlob, tinyImage } from './tiny-image.ts'

const run = promisify(execFile)

test('a full disk refuses the blob, keeps what was there, and leaves nothing half-written', async (t) => {
  await using dir = await tempDir()
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', dir.path])
  } catch {
    return t.skip('mounting a small file system is not allowed here')
  }
  try {
    await using layout = await openLayout(dir.path)
    const repository = { registry: 'docker.io', path: 'rancher/x' }
    const image = tinyImage()
    await storeImage(layout, 'rancher/x:1', image)
    const before = await readdir(join(dir.path, 'blobs/sha256'))
    const { bytes, descriptor } = tinyBlob(randomBytes(4 * 1024 * 1024))
    await assert.rejects(
      layout.putBlob(repository, descriptor, async () => contentOf(bytes, 65_536)),
      {
        code: 'LOCAL_IO',
        message: /ENOSPC \(\d+ MiB free\)/,
        hint: /Free some space/,
      },
    )
    await using server = createRegistryServer({ layout, writable: true })
    const { url } = await server.listen('127.0.0.1', 0)
    const answer = await fetch(`${url}/v2/a/blobs/uploads/?digest=${descriptor.digest}`, { method: 'POST', body: bytes })
    assert.equal(answer.status, 507)
    assert.ok(!(await answer.text()).includes(dir.path))
    assert.deepEqual(await readdir(join(dir.path, '.k3s-mirror/uploads')), [])
    assert.deepEqual(await readdir(join(dir.path, 'blobs/sha256')), before)
    assert.deepEqual(await layout.headManifest({ ...repository, tag: '1' }), image.root.descriptor)
  } finally {
    await run('umount', [dir.path])
  }
  return undefined
})
