import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { ServedBundle } from '../../src/bundle/served-bundle.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { bytesOf, tinyBlob, tinyImage, tinyIndex, tinyManifest } from '../layout/tiny-image.ts'
import { bundleFiles, flipBit, packTar, placeOf } from './bundle-files.ts'

test('repositories, tags, children and what is about a manifest come from the file', async () => {
  const index = tinyIndex()
  const { descriptor } = index.root
  const note = tinyImage(randomBytes(10), 'amd64', { subject: descriptor, artifactType: 'application/x-note', annotations: { a: 'b' } })
  await using file = await packTar(bundleFiles({ 'docker.io/a/b:1': index, 'docker.io/a/b:note': note, 'quay.io/a/b:2': index }))
  await using bundle = await ServedBundle.open(file.path)
  const repository = { registry: 'docker.io', path: 'a/b' }
  assert.deepEqual(bundle.repositories(), [repository, { registry: 'quay.io', path: 'a/b' }])
  assert.deepEqual(bundle.tags(repository), ['1', 'note'])
  for (const registry of ['docker.io', 'quay.io'])
    for (const manifest of index.manifests) {
      const found = await bundle.getManifest({ registry, path: 'a/b', digest: manifest.descriptor.digest })
      assert.deepEqual([found.descriptor, Buffer.from(found.bytes)], [manifest.descriptor, Buffer.from(manifest.bytes)])
    }
  const [referrer, ...others]: unknown[] = await Readable.from(bundle.referrers(repository, descriptor.digest)).toArray()
  assert.deepEqual(referrer, { ...note.root.descriptor, artifactType: 'application/x-note', annotations: { a: 'b' } })
  assert.deepEqual(others, [])
  assert.deepEqual(await Readable.from(bundle.referrers({ registry: 'quay.io', path: 'a/b' }, descriptor.digest)).toArray(), [])
  const elsewhere = { registry: 'quay.io', path: 'a/b', digest: note.root.descriptor.digest }
  assert.equal(await bundle.headManifest(elsewhere), undefined)
  await assert.rejects(bundle.getManifest(elsewhere), { code: 'NOT_FOUND' })
  const { digest } = tinyBlob(randomBytes(3)).descriptor
  assert.deepEqual([await bundle.blobSize(digest), await bundle.readBlob(digest)], [undefined, undefined])
})

test('an index without some of its children is served as it is', async () => {
  const index = tinyIndex(['amd64', 'arm64'])
  const [, absent] = index.manifests
  assert.ok(absent !== undefined)
  const files = bundleFiles({ 'docker.io/a/b:1': index })
  delete files[`blobs/${absent.descriptor.digest.replace(':', '/')}`]
  await using file = await packTar(files)
  await using bundle = await ServedBundle.open(file.path)
  assert.equal(await bundle.headManifest({ registry: 'docker.io', path: 'a/b', digest: absent.descriptor.digest }), undefined)
  assert.ok(await bundle.headManifest({ registry: 'docker.io', path: 'a/b', tag: '1' }))
})

test('an image that is not there is refused', async () => {
  const [one, two] = [tinyImage(), tinyImage()]
  const { [`blobs/${two.root.descriptor.digest.replace(':', '/')}`]: _, ...rootless } = bundleFiles({
    'docker.io/a/b:1': one,
    'docker.io/a/b:2': two,
  })
  await using file = await packTar(rootless)
  await assert.rejects(ServedBundle.open(file.path), { code: 'INTEGRITY', message: /a\/b:2 is missing/ })
})

test('a large blob comes at once, but the end of a damaged one never does, nor any part of it', async () => {
  const layer = randomBytes(18 * 1024 * 1024)
  const image = tinyImage(layer)
  const digest = image.blobs[0]?.descriptor.digest
  assert.ok(digest !== undefined)
  await using file = await packTar(bundleFiles({ 'docker.io/a/b:1': image }))
  {
    await using bundle = await ServedBundle.open(file.path)
    const content = await bundle.readBlob(digest)
    assert.ok(content !== undefined && (await bytesOf(content)).equals(layer))
    const part = await bundle.readBlob(digest, { offset: 1000, length: 500 })
    assert.ok(part !== undefined && (await bytesOf(part)).equals(layer.subarray(1000, 1500)))
    assert.equal(await bundle.verifyBlob(digest), true)
  }
  await flipBit(file.path, (await placeOf(file.path, layer.subarray(0, 64))) + 5)
  await using bundle = await ServedBundle.open(file.path)
  const content = await bundle.readBlob(digest)
  assert.ok(content !== undefined)
  let came = 0
  const read = content.read((chunk) => {
    came += chunk.length
  })
  await assert.rejects(read, { code: 'INTEGRITY' })
  assert.ok(came > 0 && came < layer.length, `${came} bytes came`)
  await assert.rejects(bundle.readBlob(digest, { offset: layer.length - 10 }), { code: 'INTEGRITY' })
  assert.equal(await bundle.verifyBlob(digest), false)
})

test('a manifest that calls itself a Docker one stays one, whatever index.json calls it', async () => {
  const image = tinyImage()
  const root = tinyManifest({ ...(JSON.parse(Buffer.from(image.root.bytes).toString()) as object), mediaType: mediaTypes.dockerManifest })
  await using file = await packTar(bundleFiles({ 'docker.io/a/b:1': { blobs: image.blobs, manifests: [root], root } }))
  await using bundle = await ServedBundle.open(file.path)
  assert.equal((await bundle.headManifest({ registry: 'docker.io', path: 'a/b', tag: '1' }))?.mediaType, mediaTypes.dockerManifest)
})
