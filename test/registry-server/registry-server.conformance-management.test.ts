import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { bytesOfManifest, conforms, describe, digestOf, isRefused, pushedImage } from './conformance.ts'
import { startRegistry } from './start-registry.ts'

const missing = digestOf(randomBytes(32))

conforms(
  'Deleting tags',
  'is 202, then 404, and the manifest stays under its digest and other tags',
  async (registry) => {
    const image = await pushedImage(registry)
    for (const tag of ['one', 'two']) await registry.putManifest(image, tag)
    const path = `/v2/${registry.name}/manifests`
    assert.equal((await registry.call('DELETE', `${path}/one`)).status, 202)
    isRefused(await registry.call('GET', `${path}/one`), 404, 'MANIFEST_UNKNOWN')
    isRefused(await registry.call('DELETE', `${path}/one`), 404, 'MANIFEST_UNKNOWN')
    for (const reference of ['two', digestOf(bytesOfManifest(image))])
      assert.equal((await registry.call('HEAD', `${path}/${reference}`)).status, 200)
    assert.deepEqual((await registry.call('GET', `/v2/${registry.name}/tags/list`)).json(), { name: registry.name, tags: ['two'] })
  },
  { notDocker: 'it deletes no tags' },
)

conforms(
  'Deleting manifests',
  'is 202, then 404 by digest and by every tag, and the list of tags is 200 without them',
  async (registry) => {
    const image = await pushedImage(registry)
    for (const tag of ['one', 'two']) await registry.putManifest(image, tag)
    const digest = digestOf(bytesOfManifest(image))
    const path = `/v2/${registry.name}/manifests`
    assert.equal((await registry.call('DELETE', `${path}/${digest}`)).status, 202)
    for (const reference of [digest, 'one', 'two']) {
      isRefused(await registry.call('GET', `${path}/${reference}`), 404, 'MANIFEST_UNKNOWN')
      assert.equal((await registry.call('HEAD', `${path}/${reference}`)).status, 404)
    }
    isRefused(await registry.call('DELETE', `${path}/${digest}`), 404, 'MANIFEST_UNKNOWN')
    const list = await registry.call('GET', `/v2/${registry.name}/tags/list`)
    assert.equal(list.status, 200)
    assert.deepEqual((list.json() as { tags: string[] | null }).tags ?? [], [])
  },
)

conforms('Deleting manifests', 'in a repository that does not exist is 404', async ({ call, name }) => {
  assert.equal((await call('DELETE', `/v2/${name}/manifests/${missing}`)).status, 404)
})

conforms(
  'Deleting manifests',
  'a child is 405 UNSUPPORTED until its index is gone',
  async (registry) => {
    const image = await pushedImage(registry)
    const child = describe(bytesOfManifest(image), mediaTypes.ociManifest)
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [child] }
    for (const document of [image, index]) assert.equal((await registry.putManifest(document)).status, 201)
    const path = `/v2/${registry.name}/manifests`
    const refused = await registry.call('DELETE', `${path}/${String(child['digest'])}`)
    isRefused(refused, 405, 'UNSUPPORTED')
    assert.equal(refused.headers.allow, 'GET, HEAD, PUT')
    for (const digest of [digestOf(bytesOfManifest(index)), String(child['digest'])])
      assert.equal((await registry.call('DELETE', `${path}/${digest}`)).status, 202)
  },
  { notDocker: 'it lets an index lose its children' },
)

conforms('Deleting blobs', 'is 202, then 404, and a blob can be pushed again', async (registry) => {
  const bytes = randomBytes(300)
  const path = `/v2/${registry.name}/blobs/${await registry.pushBlob(bytes)}`
  assert.equal((await registry.call('DELETE', path)).status, 202)
  isRefused(await registry.call('GET', path), 404, 'BLOB_UNKNOWN')
  assert.equal((await registry.call('HEAD', path)).status, 404)
  isRefused(await registry.call('DELETE', path), 404, 'BLOB_UNKNOWN')
  await registry.pushBlob(bytes)
  assert.equal((await registry.call('HEAD', path)).status, 200)
})

conforms(
  'Deleting blobs',
  'one that a manifest of any repository refers to is 405 UNSUPPORTED and stays, until the manifest is gone',
  async (registry) => {
    const image = await pushedImage(registry)
    await registry.putManifest(image, 'v1')
    const path = `/v2/${registry.other}/blobs/${String((image['config'] as Record<string, unknown>)['digest'])}`
    const refused = await registry.call('DELETE', path)
    isRefused(refused, 405, 'UNSUPPORTED')
    assert.equal(refused.headers.allow, 'GET, HEAD')
    assert.equal((await registry.call('HEAD', path)).status, 200)
    assert.equal((await registry.call('DELETE', `/v2/${registry.name}/manifests/${digestOf(bytesOfManifest(image))}`)).status, 202)
    assert.equal((await registry.call('DELETE', path)).status, 202)
  },
  { notDocker: 'it lets a manifest lose its blobs' },
)

test('Content management: a read-only server answers every deletion with 405 UNSUPPORTED and Allow, and keeps serving', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  await registry.layout.close()
  const { createRegistryServer } = await import('../../src/registry-server/registry-server.ts')
  const { readLayout } = await import('../../src/layout/open-layout.ts')
  await using server = createRegistryServer({ layout: await readLayout(registry.directory) })
  const { url } = await server.listen('127.0.0.1', 0)
  const { callUrl } = await import('./start-registry.ts')
  const paths = [`manifests/v1`, `manifests/${image.root.descriptor.digest}`, `blobs/${image.blobs[0]?.descriptor.digest ?? ''}`]
  for (const path of paths) {
    const refused = await callUrl(url, 'DELETE', `/v2/a/b/${path}`)
    isRefused(refused, 405, 'UNSUPPORTED')
    assert.equal(refused.headers.allow, 'GET, HEAD')
    for (const method of ['GET', 'HEAD']) assert.equal((await callUrl(url, method, `/v2/a/b/${path}`)).status, 200)
  }
})

test('Concurrency: a blob that is deleted while it is pulled arrives whole', async () => {
  await using registry = await startRegistry()
  const bytes = randomBytes(30_000_000)
  const digest = digestOf(bytes)
  await registry.call('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: bytes })
  const pulled = await fetch(`${registry.url}/v2/a/blobs/${digest}`)
  assert.equal((await registry.call('DELETE', `/v2/a/blobs/${digest}`)).status, 202)
  assert.ok(Buffer.from(await pulled.arrayBuffer()).equals(bytes))
  assert.equal((await registry.call('GET', `/v2/a/blobs/${digest}`)).status, 404)
})

test('Concurrency: the disk and the server agree after one tag was put and deleted many times at once', async () => {
  await using registry = await startRegistry()
  const { readLayout } = await import('../../src/layout/open-layout.ts')
  const images = [tinyImage(), tinyImage()]
  for (const image of images) await registry.push('a', image.root.descriptor.digest, image)
  for (let round = 0; round < 60; round++) {
    await Promise.all(
      Array.from({ length: 5 }, (_, at) => {
        const image = images[(at + round) % 2]
        return (at * 7 + round) % 3 === 0
          ? registry.call('DELETE', '/v2/a/manifests/v1')
          : registry.call('PUT', '/v2/a/manifests/v1', { body: image?.root.bytes ?? '' })
      }),
    )
    const served = (await registry.call('HEAD', '/v2/a/manifests/v1')).headers['docker-content-digest']
    const stored = await (await readLayout(registry.directory)).headManifest({ registry: 'localhost', path: 'a', tag: 'v1' })
    assert.equal(served, stored?.digest, `round ${round}`)
  }
})
