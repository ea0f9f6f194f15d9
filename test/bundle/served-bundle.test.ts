import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { formatBundleRecord } from '../../src/bundle/bundle-record.ts'
import { ServedBundle } from '../../src/bundle/served-bundle.ts'
import { formatIndexEntry } from '../../src/layout/index-entry.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { bytesOf, tinyBlob, tinyImage, tinyIndex, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { flipBit, packTar, placeOf } from './bundle-files.ts'

type Images = Readonly<Record<string, TinyImage>>

/** The files of a bundle, as they lie in its archive. */
function filesOf(images: Images): Record<string, string | Uint8Array> {
  const named = Object.entries(images).map(([name, { root }]) => ({ reference: parseReference(name), ...root.descriptor }))
  const entries = named.map(({ reference, ...descriptor }) => formatIndexEntry(reference, descriptor))
  const files: Record<string, string | Uint8Array> = {
    'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    'index.json': `{"schemaVersion":2,"manifests":[${entries.join(',')}]}`,
    'k3s-mirror.json': formatBundleRecord({
      tool: 'test',
      lists: [],
      images: named.map((image) => ({ ...image, platforms: [], digestPreserved: true })),
    }),
  }
  for (const { blobs, manifests } of Object.values(images))
    for (const { bytes, descriptor } of [...manifests, ...blobs]) files[`blobs/${descriptor.digest.replace(':', '/')}`] = bytes
  return files
}

test('repositories, tags, children and what is about a manifest come from the file', async () => {
  const index = tinyIndex()
  const { descriptor } = index.root
  const note = tinyImage(randomBytes(10), 'amd64', { subject: descriptor, artifactType: 'application/x-note', annotations: { a: 'b' } })
  await using file = await packTar(filesOf({ 'docker.io/a/b:1': index, 'docker.io/a/b:note': note, 'quay.io/a/b:2': index }))
  await using bundle = await ServedBundle.open(file.path)
  const repository = { registry: 'docker.io', path: 'a/b' }
  assert.deepEqual(bundle.repositories(), [repository, { registry: 'quay.io', path: 'a/b' }])
  assert.deepEqual(bundle.tags(repository), ['1', 'note'])
  for (const registry of ['docker.io', 'quay.io'])
    for (const manifest of index.manifests) {
      const found = await bundle.getManifest({ registry, path: 'a/b', digest: manifest.descriptor.digest })
      assert.deepEqual([found.descriptor, Buffer.from(found.bytes)], [manifest.descriptor, Buffer.from(manifest.bytes)])
    }
  const [referrer, ...others] = await bundle.referrers(repository, descriptor.digest)
  assert.deepEqual(referrer, { ...note.root.descriptor, artifactType: 'application/x-note', annotations: { a: 'b' } })
  assert.deepEqual(others, [])
  assert.deepEqual(await bundle.referrers({ registry: 'quay.io', path: 'a/b' }, descriptor.digest), [])
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
  const files = filesOf({ 'docker.io/a/b:1': index })
  delete files[`blobs/${absent.descriptor.digest.replace(':', '/')}`]
  await using file = await packTar(files)
  await using bundle = await ServedBundle.open(file.path)
  assert.equal(await bundle.headManifest({ registry: 'docker.io', path: 'a/b', digest: absent.descriptor.digest }), undefined)
  assert.ok(await bundle.headManifest({ registry: 'docker.io', path: 'a/b', tag: '1' }))
})

test('names that the record and index.json do not share, and images that are not there, are refused', async () => {
  const [one, two] = [tinyImage(), tinyImage()]
  const both = filesOf({ 'docker.io/a/b:1': one, 'docker.io/a/b:2': two })
  const root = `blobs/${two.root.descriptor.digest.replace(':', '/')}`
  const { [root]: _, ...rootless } = both
  const { 'index.json': __, ...nameless } = both
  for (const [files, message] of [
    [rootless, /a\/b:2 is missing/],
    [nameless, /has no index\.json/],
    [{ ...both, 'index.json': 'x' }, /index\.json is none/],
    [{ ...both, 'index.json': filesOf({ 'docker.io/a/b:1': one })['index.json'] ?? '' }, /does not have docker\.io\/a\/b:2/],
    [{ ...both, 'k3s-mirror.json': filesOf({ 'docker.io/a/b:1': one })['k3s-mirror.json'] ?? '' }, /names 2 images, and its record 1/],
  ] as const) {
    await using file = await packTar(files)
    await assert.rejects(ServedBundle.open(file.path), { code: 'INTEGRITY', message })
  }
})

test('a large blob comes at once, but the end of a damaged one never does, nor any part of it', async () => {
  const layer = randomBytes(18 * 1024 * 1024)
  const image = tinyImage(layer)
  const digest = image.blobs[0]?.descriptor.digest
  assert.ok(digest !== undefined)
  await using file = await packTar(filesOf({ 'docker.io/a/b:1': image }))
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
  await using file = await packTar(filesOf({ 'docker.io/a/b:1': { blobs: image.blobs, manifests: [root], root } }))
  await using bundle = await ServedBundle.open(file.path)
  assert.equal((await bundle.headManifest({ registry: 'docker.io', path: 'a/b', tag: '1' }))?.mediaType, mediaTypes.dockerManifest)
})
