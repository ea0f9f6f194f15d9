import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { collectGarbage } from '../../src/layout/collect-garbage.ts'
import { cosignTag, signatureOf } from '../layout/layout-files.ts'
import { tinyImage, tinyIndex, type TinyImage } from '../layout/tiny-image.ts'
import { startRegistry, type TestRegistry } from './start-registry.ts'

/** A server that collects only when another process asks. */
const onRequest = { garbage: { automatic: false } }

async function stored({ directory }: TestRegistry): Promise<number> {
  return (await readdir(join(directory, 'blobs/sha256'))).length
}

async function pushBlobs(registry: TestRegistry, name: string, { blobs }: TinyImage): Promise<void> {
  for (const { bytes, descriptor } of blobs) {
    const { status } = await registry.call('POST', `/v2/${name}/blobs/uploads/?digest=${descriptor.digest}`, { body: bytes })
    assert.equal(status, 201)
  }
}

async function putManifest(registry: TestRegistry, name: string, tag: string, { root }: Pick<TinyImage, 'root'>): Promise<number> {
  const headers = { 'content-type': root.descriptor.mediaType }
  return (await registry.call('PUT', `/v2/${name}/manifests/${tag}`, { body: root.bytes, headers })).status
}

test('what another process asks for is done by the server, and a deleted image goes at once', async () => {
  await using registry = await startRegistry(onRequest)
  const [gone, kept] = [tinyIndex(), tinyIndex()]
  await registry.push('rancher/x', '1', gone)
  await registry.push('rancher/x', '2', kept)
  await registry.push('rancher/x', cosignTag(gone, 'sig'), signatureOf(gone.root.descriptor.digest))
  await registry.call('DELETE', '/v2/rancher/x/manifests/1')
  const preview = await collectGarbage(registry.directory, { dryRun: true })
  assert.deepEqual([preview.byServer, preview.graceSeconds, preview.removed.manifests, preview.removed.tags], [true, 3600, 4, 1])
  assert.equal(await stored(registry), 17)
  const report = await collectGarbage(registry.directory)
  assert.deepEqual({ ...report, dryRun: true }, preview)
  assert.equal(await stored(registry), 7)
  assert.equal((await registry.call('GET', `/v2/rancher/x/manifests/${gone.root.descriptor.digest}`)).status, 404)
  assert.equal((await registry.call('GET', '/v2/rancher/x/manifests/2')).status, 200)
})

test('an image deleted by its digest, and one whose tag has moved, go with everything that only they need', async () => {
  await using registry = await startRegistry(onRequest)
  const [first, second, third] = [tinyIndex(), tinyIndex(), tinyIndex()]
  await registry.push('rancher/x', '1', first)
  await registry.push('rancher/x', '1', second)
  await registry.push('rancher/x', '3', third)
  assert.equal((await registry.call('DELETE', `/v2/rancher/x/manifests/${third.root.descriptor.digest}`)).status, 202)
  await collectGarbage(registry.directory)
  assert.equal(await stored(registry), 7)
})

test('content that a client has pushed or has looked up outlives a collection until its manifest comes', async () => {
  await using registry = await startRegistry(onRequest)
  const [found, mounted, pushed, index] = [tinyImage(), tinyImage(), tinyImage(), tinyIndex()]
  for (const [tag, image] of Object.entries({ found, mounted })) await registry.push('rancher/old', tag, image)
  for (const { descriptor } of found.blobs)
    assert.equal((await registry.call('HEAD', `/v2/rancher/new/blobs/${descriptor.digest}`)).status, 200)
  for (const { descriptor } of mounted.blobs) {
    const query = `mount=${descriptor.digest}&from=rancher/old`
    assert.equal((await registry.call('POST', `/v2/rancher/new/blobs/uploads/?${query}`)).status, 201)
  }
  await pushBlobs(registry, 'rancher/new', pushed)
  await pushBlobs(registry, 'rancher/new', index)
  for (const child of index.manifests.slice(0, -1))
    assert.equal(await putManifest(registry, 'rancher/new', child.descriptor.digest, { root: child }), 201)
  for (const tag of ['found', 'mounted']) assert.equal((await registry.call('DELETE', `/v2/rancher/old/manifests/${tag}`)).status, 202)

  const report = await collectGarbage(registry.directory)
  assert.deepEqual([report.removed.manifests, report.removed.blobs], [2, 0])
  assert.deepEqual([report.kept.manifests, report.kept.blobs], [2, 6])
  for (const [tag, image] of Object.entries({ found, mounted, pushed, index }))
    assert.equal(await putManifest(registry, 'rancher/new', tag, image), 201)
  assert.deepEqual((await collectGarbage(registry.directory)).kept, { manifests: 0, blobs: 0, bytes: 0 })
  // Now that they were used, they are let go like any other image.
  for (const tag of ['found', 'mounted', 'pushed', 'index']) await registry.call('DELETE', `/v2/rancher/new/manifests/${tag}`)
  await collectGarbage(registry.directory)
  assert.equal(await stored(registry), 0)
})

test('an unfinished upload can be continued after a collection, and without a grace period unused content goes', async () => {
  await using registry = await startRegistry(onRequest)
  const image = tinyImage()
  const [layer] = image.blobs
  assert.ok(layer)
  const opened = await registry.call('POST', '/v2/rancher/x/blobs/uploads/')
  const location = opened.headers.location ?? ''
  const half = layer.bytes.subarray(0, 300)
  await registry.call('PATCH', location, { body: half })
  await pushBlobs(registry, 'rancher/x', { ...image, blobs: image.blobs.slice(1) })
  assert.equal((await collectGarbage(registry.directory, { grace: 0 })).removed.blobs, 1)
  const done = await registry.call('PUT', `${location}?digest=${layer.descriptor.digest}`, { body: layer.bytes.subarray(300) })
  assert.equal(done.status, 201)
  assert.equal(await putManifest(registry, 'rancher/x', '1', image), 400)
})

test('pushes, deletions and collections together never lose content that a tag needs, and refuse no push', async () => {
  await using registry = await startRegistry(onRequest)
  const layer = Buffer.alloc(3000, 1)
  let isDone = false
  const collecting = (async () => {
    while (!isDone) await registry.layout.collectGarbage({ graceMilliseconds: 3_600_000 })
  })()
  const work = async (client: number): Promise<void> => {
    for (let at = 0; at < 25; at++) {
      const image = tinyImage(layer, `arch${client}-${at}`)
      for (const { bytes, descriptor } of image.blobs) {
        if ((await registry.call('HEAD', `/v2/rancher/${client}/blobs/${descriptor.digest}`)).status === 200) continue
        const { status } = await registry.call('POST', `/v2/rancher/${client}/blobs/uploads/?digest=${descriptor.digest}`, { body: bytes })
        assert.equal(status, 201)
      }
      assert.equal(await putManifest(registry, `rancher/${client}`, String(at), image), 201)
      if (at % 4 !== 3) assert.equal((await registry.call('DELETE', `/v2/rancher/${client}/manifests/${at}`)).status, 202)
    }
  }
  try {
    await Promise.all([0, 1, 2, 3].map(work))
  } finally {
    isDone = true
    await collecting
  }
  await collectGarbage(registry.directory)
  // Of every client six images of two files each, and the layer that all of them have.
  assert.equal(await stored(registry), 4 * 6 * 2 + 1)
})
