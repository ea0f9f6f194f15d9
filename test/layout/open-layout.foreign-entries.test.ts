import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { parseGivenName } from '../../src/layout/entry-name.ts'
import { openLayout, readLayout } from '../../src/layout/open-layout.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { cosignTag, entryOf, layoutFiles, signatureOf } from './layout-files.ts'
import { storeImage, tinyImage, tinyIndex, type TinyImage } from './tiny-image.ts'

const options = { durable: false }
const repository = { registry: 'docker.io', path: 'rancher/x' }
const x = 'docker.io/rancher/x:1'
const named = (name: string, more = {}): Record<string, string> => ({ 'io.containerd.image.name': name, ...more })

/** A layout that another tool wrote. */
async function foreignLayout(images: readonly TinyImage[], entries: readonly unknown[]): Promise<TempDir> {
  const directory = await tempDir()
  for (const [path, content] of Object.entries(layoutFiles(images, entries))) {
    await mkdir(dirname(join(directory.path, path)), { recursive: true })
    await directory.write(path, typeof content === 'string' ? content : Buffer.from(content))
  }
  return directory
}

async function entriesIn(directory: string): Promise<readonly unknown[]> {
  return (JSON.parse(await readFile(join(directory, 'index.json'), 'utf8')) as { readonly manifests: readonly unknown[] }).manifests
}

test('a signature that shares the name of its image is a tag of its own, and no entry of another tool is lost by a push', async () => {
  const image = tinyIndex()
  const signature = signatureOf(image.root.descriptor.digest)
  const stray = tinyImage()
  const other = tinyImage()
  const entries = [
    entryOf(image, named(x, { kind: 'dev.hauler/imageIndex' })),
    entryOf(signature, named(x, { kind: 'dev.hauler/sigs' })),
    entryOf(stray, { 'org.opencontainers.image.ref.name': '3.20' }),
    entryOf(stray, named('docker.io/rancher/twice:1')),
    entryOf(other, named('docker.io/rancher/twice:1')),
    { digest: 'sha256:../../x', annotations: named('docker.io/rancher/y:1') },
  ]
  await using directory = await foreignLayout([image, signature, stray, other], entries)
  {
    await using layout = await openLayout(directory.path, options)
    assert.deepEqual(await layout.headManifest({ ...repository, tag: '1' }), image.root.descriptor)
    assert.deepEqual(await layout.headManifest({ ...repository, tag: cosignTag(image, 'sig') }), signature.root.descriptor)
    assert.deepEqual(
      layout.skipped.map(({ why }) => why),
      ['it has no digest that is supported'],
    )
    await storeImage(layout, 'rancher/new:1', tinyImage())
  }
  const after = await entriesIn(directory.path)
  assert.deepEqual(
    new Set(after.slice(0, -1).map((entry) => JSON.stringify(entry))),
    new Set(entries.map((entry) => JSON.stringify(entry))),
  )
  assert.equal(after.length, entries.length + 1)
})

test('a tag that is set replaces every entry of its name', async () => {
  const images = [tinyImage(), tinyImage(), tinyImage()] as const
  const [first, second, third] = images
  await using directory = await foreignLayout(
    images,
    [first, second].map((image) => entryOf(image, named(x))),
  )
  {
    await using layout = await openLayout(directory.path, options)
    assert.deepEqual(await layout.headManifest({ ...repository, tag: '1' }), second.root.descriptor)
    await storeImage(layout, 'rancher/x:1', third)
  }
  assert.equal((await entriesIn(directory.path)).length, 1)
  const layout = await readLayout(directory.path)
  assert.deepEqual(await layout.headManifest({ ...repository, tag: '1' }), third.root.descriptor)
})

test('what an entry without a name needs is not deleted', async () => {
  const image = tinyIndex(['amd64'])
  const child = image.manifests[0]?.descriptor.digest ?? image.root.descriptor.digest
  await using directory = await foreignLayout([image], [entryOf(image), entryOf(image, named(x))])
  await using layout = await openLayout(directory.path, options)
  for (const { descriptor } of image.blobs) assert.equal(await layout.deleteBlob(descriptor.digest), 'referenced')
  assert.equal(await layout.deleteManifest(repository, image.root.descriptor.digest), 'deleted')
  assert.equal(await layout.deleteManifest(repository, child), 'deleted')
  for (const { descriptor } of [...image.blobs, ...image.manifests]) {
    assert.equal(await layout.deleteBlob(descriptor.digest), 'referenced')
    assert.equal(await layout.blobSize(descriptor.digest), descriptor.size)
  }
  assert.deepEqual(await entriesIn(directory.path), [entryOf(image)])
})

test('bare tags are read under the repository that is given', async () => {
  const image = tinyIndex()
  await using directory = await foreignLayout([image], [entryOf(image, { 'org.opencontainers.image.ref.name': '3.20' })])
  assert.deepEqual((await readLayout(directory.path)).repositories(), [])
  const layout = await readLayout(directory.path, { name: parseGivenName('docker.io/rancher/x') })
  assert.deepEqual([layout.tags(repository), layout.skipped], [['3.20'], []])
  for (const { descriptor } of image.manifests)
    assert.deepEqual(await layout.headManifest({ ...repository, digest: descriptor.digest }), descriptor)
})
