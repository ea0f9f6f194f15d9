import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLayout, readLayout } from '../../src/layout/open-layout.ts'
import { createRegistryServer } from '../../src/registry-server/registry-server.ts'
import { putBlob } from '../oci/put-blob.ts'
import { smallDisk } from '../servers/small-disk.ts'
import { contentOf, storeImage, tinyBlob, tinyImage } from './tiny-image.ts'

const repository = { registry: 'docker.io', path: 'rancher/x' }

test('a full disk refuses the blob, keeps earlier content, and leaves no partial file', async (t) => {
  await using disk = await smallDisk(t, '3m')
  if (disk === undefined) return
  await using layout = await openLayout(disk.path)
  const image = tinyImage()
  await storeImage(layout, 'rancher/x:1', image)
  const before = await readdir(join(disk.path, 'blobs/sha256'))
  const { bytes, descriptor } = tinyBlob(randomBytes(4 * 1024 * 1024))
  await assert.rejects(
    putBlob(layout, repository, descriptor, async () => contentOf(bytes, 65_536)),
    {
      code: 'LOCAL_IO',
      message: /no space left on device \(\d+ MiB free\)/,
      hint: /^free space/,
    },
  )
  await using server = createRegistryServer({ layout, writable: true })
  const { url } = await server.listen('127.0.0.1', 0)
  const answer = await fetch(`${url}/v2/a/blobs/uploads/?digest=${descriptor.digest}`, { method: 'POST', body: bytes })
  assert.equal(answer.status, 507)
  assert.ok(!(await answer.text()).includes(disk.path))
  assert.deepEqual(await readdir(join(disk.path, '.k3s-mirror/uploads')), [])
  assert.deepEqual(await readdir(join(disk.path, 'blobs/sha256')), before)
  assert.deepEqual(await layout.headManifest({ ...repository, tag: '1' }), image.root.descriptor)
})

test('hundreds of deletions work on a disk that stays full, with an index.json much larger than the least reserve', async (t) => {
  await using disk = await smallDisk(t, '4m')
  if (disk === undefined) return
  const directory = join(disk.path, 'layout')
  const count = 250
  const image = tinyImage()
  await using layout = await openLayout(directory, { durable: false })
  await storeImage(layout, 'rancher/x:kept', image)
  await Promise.all(Array.from({ length: count }, (_, at) => layout.putManifest({ ...repository, tag: `t${at}` }, image.root)))
  assert.ok((await stat(join(directory, 'index.json'))).size > 65_536)
  await disk.fill()
  for (let at = 0; at < count; at++) {
    assert.equal(await layout.deleteTag(repository, `t${at}`), 'deleted')
    // Whatever a deletion makes free, others take it at once.
    if (at % 50 === 0) await disk.fill()
  }
  assert.deepEqual((await readLayout(directory)).tags(repository), ['kept'])
})

test('a layout without a reserve opens on a full disk, and has one again once there is room', async (t) => {
  await using disk = await smallDisk(t, '1m')
  if (disk === undefined) return
  const directory = join(disk.path, 'layout')
  const reserve = join(directory, '.k3s-mirror/reserve')
  {
    await using layout = await openLayout(directory)
    await storeImage(layout, 'rancher/x:1', tinyImage(randomBytes(200_000)))
    await storeImage(layout, 'rancher/x:2', tinyImage())
  }
  await rm(reserve)
  await disk.fill()
  const index = await stat(join(directory, 'index.json'))
  await using layout = await openLayout(directory)
  assert.equal((await stat(join(directory, 'index.json'))).ino, index.ino)
  const manifest = await layout.getManifest({ ...repository, tag: '2' })
  // Content that is stored already needs no space.
  await layout.putManifest({ ...repository, tag: '2' }, manifest)
  await assert.rejects(storeImage(layout, 'rancher/x:3', tinyImage(randomBytes(50_000))), { code: 'LOCAL_IO' })
  await rm(join(disk.path, 'filler'))
  assert.equal(await layout.deleteTag(repository, '1'), 'deleted')
  assert.equal((await stat(reserve)).size, 65_536)
})
