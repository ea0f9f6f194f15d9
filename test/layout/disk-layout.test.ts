import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, rename, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { BlobStore } from '../../src/layout/blob-store.ts'
import type { Layout } from '../../src/layout/layout.ts'
import { openLayout, readLayout } from '../../src/layout/open-layout.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { putBlob } from '../oci/put-blob.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { bytesOf, contentOf, storeImage, tinyBlob, tinyImage, tinyIndex, tinyManifest } from './tiny-image.ts'

const options = { durable: false }
const repository = { registry: 'docker.io', path: 'rancher/x' }

function blobPath(directory: string, digest: string): string {
  return join(directory, 'blobs', digest.replace(':', '/'))
}

interface IndexJson {
  readonly manifests: { readonly digest: string; readonly annotations: Record<string, string> }[]
}

async function readIndex(directory: string): Promise<IndexJson> {
  return JSON.parse(await readFile(join(directory, 'index.json'), 'utf8')) as IndexJson
}

test('an image that was stored is found again with its children, and only its tag is in index.json', async () => {
  await using dir = await tempDir()
  const image = tinyIndex()
  {
    await using layout = await openLayout(dir.path, options)
    await storeImage(layout, 'rancher/x:1', image)
  }
  const layout = await readLayout(dir.path)
  const tagged = { ...repository, tag: '1' }
  assert.deepEqual(await layout.headManifest(tagged), image.root.descriptor)
  assert.deepEqual(Buffer.from((await layout.getManifest(tagged)).bytes), image.root.bytes)
  for (const { descriptor } of image.manifests)
    assert.deepEqual(await layout.headManifest({ ...repository, digest: descriptor.digest }), descriptor)
  for (const { bytes, descriptor } of image.blobs)
    assert.deepEqual(await bytesOf(await layout.getBlob(repository, descriptor)), Buffer.from(bytes))
  assert.deepEqual(layout.tags(repository), ['1'])

  const index = await readIndex(dir.path)
  assert.equal(index.manifests.length, 1)
  assert.equal(index.manifests[0]?.annotations['org.opencontainers.image.ref.name'], 'docker.io/rancher/x:1')
  assert.equal(index.manifests[0]?.annotations['io.containerd.image.name'], 'docker.io/rancher/x:1')
  assert.deepEqual(JSON.parse(await readFile(join(dir.path, 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' })
})

test('many repositories and tags live in one layout, and a tag can move', async () => {
  await using dir = await tempDir()
  const [first, second] = [tinyImage(), tinyImage()]
  await using layout = await openLayout(dir.path, options)
  await storeImage(layout, 'rancher/x:1', first)
  await storeImage(layout, 'rancher/x:2', second)
  await storeImage(layout, 'ghcr.io/k3s-io/y:1', first)
  await storeImage(layout, 'rancher/x:1', second)
  assert.deepEqual(layout.tags(repository), ['1', '2'])
  assert.equal((await layout.headManifest({ ...repository, tag: '1' }))?.digest, second.root.descriptor.digest)
  for (const place of [layout, await readLayout(dir.path)]) {
    assert.deepEqual(await place.headManifest({ ...repository, digest: first.root.descriptor.digest }), first.root.descriptor)
  }
  assert.equal((await layout.headManifest(parseReference('ghcr.io/k3s-io/y:1')))?.digest, first.root.descriptor.digest)
  assert.equal(await layout.headManifest(parseReference('ghcr.io/k3s-io/y:2')), undefined)
})

test('a reader sees every manifest that was acknowledged, however many were put at once', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const images = Array.from({ length: 60 }, () => tinyImage())
  await Promise.all(
    images.map(async (image, at) => {
      await storeImage(layout, `rancher/x:${at}`, image)
      const reader = await readLayout(dir.path)
      assert.deepEqual(await reader.headManifest({ ...repository, tag: String(at) }), image.root.descriptor)
    }),
  )
})

test('bytes with another digest or size than the descriptor leave nothing behind', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const blob = tinyBlob(randomBytes(5000))
  const flipped = Buffer.from(blob.bytes)
  flipped[100] = (flipped[100] ?? 0) ^ 1
  for (const bytes of [flipped, blob.bytes.subarray(0, 4999), Buffer.concat([blob.bytes, Buffer.from('x')])]) {
    await assert.rejects(
      putBlob(layout, repository, blob.descriptor, async () => contentOf(bytes)),
      { code: 'INTEGRITY' },
    )
    assert.equal(await layout.headBlob(repository, blob.descriptor), false)
  }
  for (const size of [4999, 5001]) {
    const descriptor = { ...blob.descriptor, size }
    await assert.rejects(
      putBlob(layout, repository, descriptor, async () => contentOf(blob.bytes)),
      { code: 'INTEGRITY' },
    )
  }
  const broken = new Error('line cut')
  const content = { ...contentOf(blob.bytes), read: () => Promise.reject(broken) }
  await assert.rejects(
    putBlob(layout, repository, blob.descriptor, async () => content),
    broken,
  )
  assert.deepEqual(await readdir(join(dir.path, 'blobs/sha256')), [])
  assert.deepEqual(await readdir(join(dir.path, '.k3s-mirror/uploads')), [])
})

test('blobs around the size of the buffers, and empty ones, come back byte for byte', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const buffer = 512 * 1024
  for (const size of [0, 1, buffer - 1, buffer, buffer + 1, 3 * buffer, 3 * buffer + 7]) {
    const blob = tinyBlob(randomBytes(size))
    await putBlob(layout, repository, blob.descriptor, async () => contentOf(blob.bytes, 65_537))
    assert.equal(await layout.headBlob(repository, blob.descriptor), true)
    assert.ok((await bytesOf(await layout.getBlob(repository, blob.descriptor))).equals(blob.bytes))
    const offset = Math.floor(size / 3)
    assert.ok((await bytesOf(await layout.getBlob(repository, blob.descriptor, { offset }))).equals(blob.bytes.subarray(offset)))
  }
})

test('a damaged blob is found by reading it again, and a cut one by its size; both are stored anew', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const blob = tinyBlob(randomBytes(3000))
  const path = blobPath(dir.path, blob.descriptor.digest)
  const put = (): Promise<boolean> => putBlob(layout, repository, blob.descriptor, async () => contentOf(blob.bytes))
  await put()
  assert.equal(await layout.verifyBlob(blob.descriptor.digest), true)
  await writeFile(path, randomBytes(3000))
  assert.equal(await layout.verifyBlob(blob.descriptor.digest), false)
  for (const size of [2999, 0]) {
    await truncate(path, size)
    assert.equal(await layout.headBlob(repository, blob.descriptor), false)
    await assert.rejects(layout.getBlob(repository, blob.descriptor), { code: 'NOT_FOUND' })
    await put()
    assert.equal(await layout.verifyBlob(blob.descriptor.digest), true)
  }
  await truncate(path, 0)
  assert.equal(await layout.blobSize(blob.descriptor.digest), undefined)
})

test('a manifest that was damaged on disk is refused', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const image = tinyImage()
  await storeImage(layout, 'rancher/x:1', image)
  await writeFile(blobPath(dir.path, image.root.descriptor.digest), 'x'.repeat(image.root.descriptor.size))
  await assert.rejects(layout.getManifest({ ...repository, tag: '1' }), { code: 'INTEGRITY' })
  await storeImage(layout, 'rancher/x:1', image)
  assert.deepEqual(Buffer.from((await layout.getManifest({ ...repository, tag: '1' })).bytes), image.root.bytes)
})

test('symbolic links in the layout are not followed', async () => {
  await using dir = await tempDir()
  await using outside = await tempDir()
  const blob = tinyBlob(Buffer.from('secret'))
  const secret = await outside.write('secret', blob.bytes)
  {
    await using layout = await openLayout(dir.path, options)
    await symlink(secret, blobPath(dir.path, blob.descriptor.digest))
    assert.equal(await layout.headBlob(repository, blob.descriptor), false)
    assert.equal(await layout.blobSize(blob.descriptor.digest), undefined)
    assert.equal(await layout.readBlob(blob.descriptor.digest), undefined)
    await putBlob(layout, repository, blob.descriptor, async () => contentOf(blob.bytes))
    assert.ok((await lstat(blobPath(dir.path, blob.descriptor.digest))).isFile())
  }
  await rename(join(dir.path, 'blobs/sha256'), join(outside.path, 'moved'))
  await symlink(join(outside.path, 'moved'), join(dir.path, 'blobs/sha256'))
  await assert.rejects(openLayout(dir.path, options), { code: 'INTEGRITY' })
})

test('a manifest whose contents are not all there is stored only where that was not asked', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const image = tinyIndex()
  const [child] = image.manifests
  assert.ok(child !== undefined)
  const named = { ...repository, tag: '1' }
  assert.equal((await layout.putCheckedManifest(named, image.root)).length, 2)
  assert.equal((await layout.putCheckedManifest({ ...repository, digest: child.descriptor.digest }, child)).length, 2)
  assert.equal(layout.hasRepository(repository), false)
  assert.deepEqual(await layout.putCheckedManifest(named, image.root, { isSparse: true }), [])
  await layout.putManifest({ ...repository, tag: '2' }, image.root)
  assert.deepEqual(layout.tags(repository), ['1', '2'])
})

/** An image that is there as `rancher/x:1`, and what its manifest refers to. */
async function storedImage(layout: Layout) {
  const image = tinyImage()
  await storeImage(layout, 'rancher/x:1', image)
  const [layer, config] = image.blobs.map(({ descriptor }) => descriptor)
  assert.ok(layer !== undefined && config !== undefined)
  return { image, layer, config }
}

test('refuses a manifest that declares wrong sizes, and reports the actual ones', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const { image, layer, config } = await storedImage(layout)
  const wrongLayer = { ...layer, size: layer.size + 1 }
  const wrongImage = { ...image.root.descriptor, size: 1 }
  const base = { schemaVersion: 2 }
  for (const isSparse of [false, true]) {
    const root = tinyManifest({ ...base, mediaType: mediaTypes.ociManifest, config, layers: [layer, wrongLayer] })
    const mismatches = await layout.putCheckedManifest({ ...repository, tag: '2' }, root, { isSparse })
    assert.deepEqual(mismatches, [{ descriptor: wrongLayer, actualSize: layer.size }])
    const index = tinyManifest({ ...base, mediaType: mediaTypes.ociIndex, manifests: [wrongImage] })
    const toldOfIndex = await layout.putCheckedManifest({ ...repository, tag: '2' }, index, { isSparse })
    assert.deepEqual(toldOfIndex, [{ descriptor: wrongImage, actualSize: image.root.descriptor.size }])
  }
  await truncate(blobPath(dir.path, layer.digest), 10)
  const mismatches = await layout.putCheckedManifest({ ...repository, tag: '2' }, image.root)
  assert.deepEqual(mismatches, [{ descriptor: layer, actualSize: undefined }])
  assert.deepEqual(layout.tags(repository), ['1'])
})

test('a blob that a manifest names many times with wrong sizes is hashed once', async (t) => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const { layer, config } = await storedImage(layout)
  const layers = Array.from({ length: 50 }, (_, at) => ({ ...layer, size: layer.size + 1 + at }))
  const { mock } = t.mock.method(BlobStore.prototype, 'verify')
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers })
  assert.equal((await layout.putCheckedManifest({ ...repository, tag: '2' }, root)).length, 50)
  assert.equal(mock.callCount(), 1)
})

test('deleting keeps what is still referred to, and removes the rest from the disk', async () => {
  await using dir = await tempDir()
  const image = tinyIndex()
  const [child] = image.manifests
  const [layer] = image.blobs
  assert.ok(child !== undefined && layer !== undefined)
  {
    await using layout = await openLayout(dir.path, options)
    await storeImage(layout, 'rancher/x:1', image)
    await storeImage(layout, 'rancher/other:1', image)
  }
  {
    await using layout = await openLayout(dir.path, options)
    assert.equal(await layout.deleteManifest(repository, child.descriptor.digest), 'referenced')
    assert.equal(await layout.deleteBlob(layer.descriptor.digest), 'referenced')
    assert.equal(await layout.deleteTag(repository, '1'), 'deleted')
    assert.equal(await layout.deleteTag(repository, '1'), 'absent')
    assert.deepEqual(layout.tags(repository), [])
    for (const { descriptor } of image.manifests.toReversed())
      assert.equal(await layout.deleteManifest(repository, descriptor.digest), 'deleted')
    assert.equal(await layout.deleteManifest(repository, child.descriptor.digest), 'absent')
    assert.equal(layout.hasRepository(repository), false)
  }
  await using layout = await openLayout(dir.path, options)
  assert.deepEqual([layout.hasRepository(repository), layout.knowsRepository(repository)], [false, true])
  assert.equal(layout.knowsRepository({ ...repository, path: 'never' }), false)
  const other = { registry: 'docker.io', path: 'rancher/other' }
  assert.deepEqual(await layout.headManifest({ ...other, tag: '1' }), image.root.descriptor)
  for (const { descriptor } of image.manifests.toReversed()) assert.equal(await layout.deleteManifest(other, descriptor.digest), 'deleted')
  for (const { descriptor } of image.blobs) assert.equal(await layout.deleteBlob(descriptor.digest), 'deleted')
  assert.deepEqual(await readdir(join(dir.path, 'blobs/sha256')), [])
  assert.deepEqual((await readIndex(dir.path)).manifests, [])
})

test('entries of other tools are served where they have a full name, with their children, and are kept in any case', async () => {
  await using dir = await tempDir()
  await using other = await tempDir()
  const image = tinyIndex()
  {
    await using layout = await openLayout(other.path, options)
    await storeImage(layout, 'rancher/x:1', image)
  }
  await mkdir(join(dir.path, 'blobs'))
  await rename(join(other.path, 'blobs/sha256'), join(dir.path, 'blobs/sha256'))
  await writeFile(join(dir.path, 'oci-layout'), '{"imageLayoutVersion": "1.0.0"}')
  const bare = { ...image.manifests[0]?.descriptor, annotations: { 'org.opencontainers.image.ref.name': 'v1' } }
  const full = {
    ...image.root.descriptor,
    annotations: { 'org.opencontainers.image.ref.name': 'ghcr.io/a/b:2' },
    platform: { os: 'linux', architecture: 'amd64' },
  }
  const broken = { digest: 'sha256:../../x', annotations: { 'org.opencontainers.image.ref.name': 'ghcr.io/a/b:3' } }
  await writeFile(
    join(dir.path, 'index.json'),
    JSON.stringify({ schemaVersion: 2, annotations: { a: 'b' }, manifests: [bare, full, broken] }),
  )
  const mine = tinyImage()
  {
    await using layout = await openLayout(dir.path, options)
    const foreign = { registry: 'ghcr.io', path: 'a/b' }
    assert.deepEqual(layout.repositories(), [foreign])
    assert.deepEqual(layout.tags(foreign), ['2'])
    for (const { descriptor } of image.manifests)
      assert.deepEqual(await layout.headManifest({ ...foreign, digest: descriptor.digest }), descriptor)
    await storeImage(layout, 'rancher/x:1', mine)
  }
  const index = await readIndex(dir.path)
  assert.deepEqual(index.manifests.slice(0, 3), [bare, full, broken])
  assert.equal(index.manifests.length, 4)
  assert.deepEqual((index as unknown as { annotations: unknown }).annotations, { a: 'b' })
})

test('a directory with other files is not changed', async () => {
  await using dir = await tempDir()
  await dir.write('letter.txt', 'dear')
  await assert.rejects(openLayout(dir.path, options), { code: 'USAGE' })
  await assert.rejects(readLayout(dir.path), { code: 'USAGE', message: /the file oci-layout is missing/ })
  await assert.rejects(readLayout(join(dir.path, 'letter.txt')), { code: 'USAGE', message: /is not a directory/ })
  await assert.rejects(readLayout(join(dir.path, 'nothing')), { code: 'NOT_FOUND', message: /" does not exist/ })
  await assert.rejects(openLayout(join(dir.path, 'letter.txt'), options), { code: 'USAGE' })
  assert.deepEqual(await readdir(dir.path), ['letter.txt'])
  await using other = await tempDir()
  await other.write('oci-layout', '{"imageLayoutVersion":"2.0.0"}')
  await assert.rejects(readLayout(other.path), { code: 'UNSUPPORTED' })
  await using broken = await tempDir()
  await broken.write('oci-layout', '{"imageLayoutVersion":"1.0.0"}')
  await broken.write('index.json', '<html>')
  await assert.rejects(readLayout(broken.path), { code: 'INVALID_MANIFEST' })
})
