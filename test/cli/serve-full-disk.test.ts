import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tinyImage, type TinyImage } from '../layout/tiny-image.ts'
import { callUrl } from '../registry-server/start-registry.ts'
import { smallDisk } from '../servers/small-disk.ts'
import { serve, stop } from './serve-cli.ts'

async function push(url: string, tag: string, image: TinyImage): Promise<number> {
  for (const { bytes, descriptor } of image.blobs) {
    const { status } = await callUrl(url, 'POST', `/v2/a/b/blobs/uploads/?digest=${descriptor.digest}`, { body: bytes })
    if (status !== 201) return status
  }
  const headers = { 'content-type': image.root.descriptor.mediaType }
  return (await callUrl(url, 'PUT', `/v2/a/b/manifests/${tag}`, { body: image.root.bytes, headers })).status
}

test('deletions free a full disk, even after kill -9 and a restart, and pushes work again', async (t) => {
  await using disk = await smallDisk(t, '2m')
  if (disk === undefined) return
  const layout = join(disk.path, 'layout')
  const images = Array.from({ length: 4 }, () => tinyImage(randomBytes(200_000)))
  const first = await serve(layout, '--writable')
  try {
    for (const [at, image] of images.entries()) assert.equal(await push(first.url, `v${at}`, image), 201)
    await disk.fill()
    assert.equal(await push(first.url, 'v9', tinyImage(randomBytes(200_000))), 507)
    assert.equal((await callUrl(first.url, 'DELETE', '/v2/a/b/manifests/v0')).status, 202)
    await disk.fill()
  } finally {
    first.child.kill('SIGKILL')
    await first.finished
  }
  const second = await serve(layout, '--writable')
  const { url } = second
  assert.deepEqual((await callUrl(url, 'GET', '/v2/a/b/tags/list')).json(), { name: 'a/b', tags: ['v1', 'v2', 'v3'] })
  assert.equal(await push(url, 'v9', tinyImage(randomBytes(200_000))), 507)
  for (const [at, { root, blobs }] of images.slice(0, 3).entries()) {
    if (at > 0) assert.equal((await callUrl(url, 'DELETE', `/v2/a/b/manifests/v${at}`)).status, 202)
    assert.equal((await callUrl(url, 'DELETE', `/v2/a/b/manifests/${root.descriptor.digest}`)).status, 202)
    for (const { descriptor } of blobs) assert.equal((await callUrl(url, 'DELETE', `/v2/a/b/blobs/${descriptor.digest}`)).status, 202)
  }
  assert.equal(await push(url, 'v9', tinyImage(randomBytes(200_000))), 201)
  const { stderr } = await stop(second)
  assert.match(stderr, /^warning: the file system of .* is full: pushes are answered with 507 .*; deletions work$/m)
  const third = await serve(layout, '--writable')
  assert.deepEqual((await callUrl(third.url, 'GET', '/v2/a/b/tags/list')).json(), { name: 'a/b', tags: ['v3', 'v9'] })
  await stop(third)
})

test('an upload that fills the disk leaves its space to others', async (t) => {
  await using disk = await smallDisk(t, '2m')
  if (disk === undefined) return
  const layout = join(disk.path, 'layout')
  const running = await serve(layout, '--writable')
  const { headers } = await callUrl(running.url, 'POST', '/v2/a/b/blobs/uploads/')
  const { location = '' } = headers
  assert.equal((await callUrl(running.url, 'PATCH', location, { body: randomBytes(3_000_000) })).status, 507)
  assert.deepEqual(await readdir(join(layout, '.k3s-mirror/uploads')), [])
  assert.equal((await callUrl(running.url, 'GET', location)).status, 404)
  assert.equal(await push(running.url, 'v1', tinyImage(randomBytes(200_000))), 201)
  await stop(running)
})
