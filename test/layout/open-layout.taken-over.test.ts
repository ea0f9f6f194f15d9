import assert from 'node:assert/strict'
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Layout } from '../../src/layout/layout.ts'
import { openLayout, readLayout } from '../../src/layout/open-layout.ts'
import { putBlob } from '../oci/put-blob.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { contentOf, storeImage, tinyBlob, tinyImage, tinyIndex } from './tiny-image.ts'

const options = { durable: false }
const repository = { registry: 'docker.io', path: 'rancher/x' }
const lost = { code: 'LAYOUT_LOCKED', message: 'another process took over this layout', hint: /did not respond for 30 s/ }

/** Makes the claim look like that of another machine which has been silent for a minute. */
async function silence(directory: string): Promise<void> {
  const own = join(directory, '.k3s-mirror')
  for (const name of await readdir(own)) {
    if (!name.startsWith('writer-')) continue
    const foreign = join(own, 'writer-0123456789ab-17-17-aaaaaaaaaaaa')
    await rename(join(own, name), foreign)
    const old = new Date(Date.now() - 60_000)
    await utimes(foreign, old, old)
  }
}

/** Two writers of one layout: the first is silent, has stored `rancher/x:1`, and does not know of the second one yet. */
async function openTwice(directory: string, image = tinyImage()): Promise<{ readonly frozen: Layout; readonly next: Layout }> {
  const frozen = await openLayout(directory, options)
  await storeImage(frozen, 'rancher/x:1', image)
  await silence(directory)
  return { frozen, next: await openLayout(directory, options) }
}

const writes: readonly (readonly [string, (layout: Layout, image: ReturnType<typeof tinyIndex>) => Promise<unknown>])[] = [
  ['a push of a new tag', (layout) => storeImage(layout, 'rancher/x:new', tinyImage())],
  ['a push of a manifest by digest', (layout) => storeImage(layout, `rancher/y:1`, tinyIndex())],
  ['a push of an image that is stored already', (layout, image) => layout.putManifest({ ...repository, tag: '1' }, image.root)],
  [
    'a push by digest of an image that is stored already',
    (layout, { root }) => layout.putManifest({ ...repository, digest: root.descriptor.digest }, root),
  ],
  ['a deletion of a tag', (layout) => layout.deleteTag(repository, '1')],
  ['a deletion of a manifest', (layout, { root }) => layout.deleteManifest(repository, root.descriptor.digest)],
  ['a deletion of a blob', (layout, { blobs }) => layout.deleteBlob(blobs[0]?.descriptor.digest ?? 'sha256:')],
  ['a new upload', (layout) => layout.startUpload({ id: '00000000-0000-4000-8000-000000000000', owner: 'a' })],
]
for (const [name, write] of writes) {
  test(`${name} by a writer that was taken over is refused and changes nothing`, async () => {
    await using dir = await tempDir()
    const image = tinyIndex()
    const { frozen, next } = await openTwice(dir.path, image)
    const pushed = tinyImage()
    await storeImage(next, 'rancher/x:2', pushed)
    await storeImage(next, 'rancher/x:3', pushed)
    await assert.rejects(write(frozen, image), lost)
    assert.equal(frozen.lost.aborted, true)
    assert.deepEqual((await readLayout(dir.path)).tags(repository), ['1', '2', '3'])
    await assert.rejects(write(frozen, image), lost)
    await storeImage(next, 'rancher/x:4', pushed)
    await Promise.all([frozen.close(), next.close()])
    const reader = await readLayout(dir.path)
    assert.deepEqual(reader.tags(repository), ['1', '2', '3', '4'])
    assert.deepEqual(reader.repositories(), [repository])
    for (const { bytes, descriptor } of image.manifests)
      assert.deepEqual((await reader.getManifest({ ...repository, digest: descriptor.digest })).bytes, Buffer.from(bytes))
    for (const { descriptor } of image.blobs) assert.ok(await reader.verifyBlob(descriptor.digest))
    await (await openLayout(dir.path, options)).close()
  })
}

test('a deletion that was frozen before its blob is removed does not take it from the next writer', async () => {
  await using dir = await tempDir()
  await using frozen = await openLayout(dir.path, options)
  const blob = tinyBlob(Buffer.from('needed again'))
  await putBlob(frozen, repository, blob.descriptor, async () => contentOf(blob.bytes))
  await silence(dir.path)
  await using next = await openLayout(dir.path, options)
  await storeImage(next, 'rancher/x:1', tinyImage(blob.bytes))
  await assert.rejects(frozen.deleteBlob(blob.descriptor.digest), lost)
  assert.ok(await next.verifyBlob(blob.descriptor.digest))
})

test('what the writer before stored until it was taken over is there, and it still reads', async () => {
  await using dir = await tempDir()
  const image = tinyIndex()
  const { frozen, next } = await openTwice(dir.path, image)
  assert.deepEqual(await next.headManifest({ ...repository, tag: '1' }), image.root.descriptor)
  await assert.rejects(frozen.confirm(), lost)
  assert.deepEqual((await frozen.getManifest({ ...repository, tag: '1' })).bytes, Buffer.from(image.root.bytes))
  await next.confirm()
  assert.equal(next.lost.aborted, false)
  await Promise.all([frozen.close(), next.close()])
})

test('an upload of a writer that was taken over is not continued, and its bytes are not visible', async () => {
  await using dir = await tempDir()
  const frozen = await openLayout(dir.path, options)
  const key = { id: '00000000-0000-4000-8000-000000000000', owner: 'a' }
  const writer = await frozen.startUpload(key)
  await writer.write(Buffer.from('first'))
  await writer.flush()
  await silence(dir.path)
  await using next = await openLayout(dir.path, options)
  assert.equal(await next.resumeUpload(key), undefined)
  await assert.rejects(async () => {
    await writer.write(Buffer.from('second'))
    await writer.flush()
  }, /no such file or directory|ENOENT/)
  assert.deepEqual(await readdir(join(dir.path, '.k3s-mirror/uploads')), [])
  await assert.rejects(
    frozen.resumeUpload({ ...key, owner: 'b' }).then(() => frozen.confirm()),
    lost,
  )
  await frozen.close()
})

test('a takeover that a crash interrupted is ended by the next writer, and an ordinary start leaves the journal as it is', async () => {
  await using dir = await tempDir()
  const own = join(dir.path, '.k3s-mirror')
  const journal = join(own, 'manifests.ndjson')
  await using killed = await openLayout(dir.path, options)
  await storeImage(killed, 'rancher/x:1', tinyImage())
  const inode = async (): Promise<number> => (await stat(journal)).ino
  const first = await inode()
  // As it is when the next writer has removed the claim, and is killed before it replaces the journal.
  await writeFile(join(own, 'takeover'), '')
  for (const name of await readdir(own)) if (name.startsWith('writer-')) await rm(join(own, name), { recursive: true })
  await (await openLayout(dir.path, options)).close()
  const second = await inode()
  assert.notEqual(second, first)
  assert.deepEqual((await readdir(own)).toSorted(), ['manifests.ndjson', 'reserve', 'uploads'])
  await (await openLayout(dir.path, options)).close()
  assert.equal(await inode(), second)
})

test('a claim of the form that earlier versions wrote is respected while it is touched, and removed later', async () => {
  await using dir = await tempDir()
  const own = join(dir.path, '.k3s-mirror')
  await mkdir(own)
  await writeFile(join(own, 'writer-0123456789ab-17-17-aaaaaaaaaaaa'), '.')
  await assert.rejects(openLayout(dir.path, options), { code: 'LAYOUT_LOCKED' })
  await silence(dir.path)
  await (await openLayout(dir.path, options)).close()
  assert.deepEqual((await readdir(own)).toSorted(), ['manifests.ndjson', 'reserve', 'uploads'])
})
