import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { link, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { collectGarbage } from '../../src/layout/collect-garbage.ts'
import { openLayout, readLayout } from '../../src/layout/open-layout.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { putBlob } from '../oci/put-blob.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { cosignTag, entryOf, layoutFiles, signatureOf, tinyArtifact } from './layout-files.ts'
import { contentOf, storeImage, tinyBlob, tinyImage, tinyIndex, tinyManifest, type TinyImage } from './tiny-image.ts'

const quick = { durable: false }
const repository = { registry: 'docker.io', path: 'rancher/x' }

/** Makes a layout with these images, by their names. */
async function layoutOf(images: Readonly<Record<string, TinyImage>>): Promise<TempDir> {
  const dir = await tempDir()
  await using layout = await openLayout(dir.path, quick)
  for (const [name, image] of Object.entries(images)) await storeImage(layout, name, image)
  return dir
}

async function deleteTags(directory: string, ...names: readonly string[]): Promise<void> {
  await using layout = await openLayout(directory, quick)
  for (const name of names) {
    const { tag = '', ...place } = parseReference(name)
    assert.equal(await layout.deleteTag(place, tag), 'deleted')
  }
}

async function writeFiles(directory: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), content)
  }
}

/** Name and size of every file, but for the names that differ from run to run. */
async function filesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true })
  const files = await Promise.all(
    names.toSorted().map(async (name) => {
      const facts = await stat(join(directory, name))
      return facts.isFile() ? [`${name} ${facts.size}`] : []
    }),
  )
  return files.flat()
}

/** The digests of the files that the layout has. */
async function storedDigests(directory: string): Promise<readonly string[]> {
  return (await readdir(join(directory, 'blobs/sha256'))).map((name) => `sha256:${name}`).toSorted()
}

function digestsOf(...images: readonly TinyImage[]): readonly string[] {
  return [
    ...new Set(images.flatMap(({ blobs, manifests }) => [...blobs, ...manifests].map(({ descriptor }) => descriptor.digest))),
  ].toSorted()
}

test('after the tags of one release are gone, the layout is what a layout of the other one is', async () => {
  const [a, b] = [tinyIndex(), tinyIndex()]
  const layer = randomBytes(900)
  const [sharedA, sharedB] = [tinyImage(layer, 'amd64'), tinyImage(layer, 'arm64')]
  await using fresh = await layoutOf({ 'rancher/x:2': b, 'rancher/y:2': sharedB })
  await using dir = await layoutOf({ 'rancher/x:1': a, 'rancher/y:1': sharedA, 'rancher/x:2': b, 'rancher/y:2': sharedB })
  await deleteTags(dir.path, 'rancher/x:1', 'rancher/y:1')

  const preview = await collectGarbage(dir.path, { ...quick, dryRun: true })
  assert.notDeepEqual(await filesIn(dir.path), await filesIn(fresh.path))
  const report = await collectGarbage(dir.path, quick)
  assert.deepEqual(await filesIn(dir.path), await filesIn(fresh.path))
  assert.deepEqual({ ...report, dryRun: true }, preview)
  assert.deepEqual(report.removed.images.toSorted(), [
    `docker.io/rancher/x@${a.root.descriptor.digest}`,
    `docker.io/rancher/y@${sharedA.root.descriptor.digest}`,
  ])
  assert.deepEqual([report.removed.manifests, report.removed.blobs], [4, 5])
  assert.equal(report.storedBytes.before - report.storedBytes.after, report.removed.bytes)
  assert.deepEqual((await collectGarbage(dir.path, quick)).removed, { images: [], manifests: 0, blobs: 0, tags: 0, bytes: 0 })
  const reader = await readLayout(dir.path)
  assert.deepEqual(await reader.headManifest({ ...repository, tag: '2' }), b.root.descriptor)
})

test('names what it removed in the same order, however the layout was written', async () => {
  const names = ['docker.io/rancher/c:1', 'docker.io/rancher/a:1', 'docker.io/rancher/b:1']
  await using directory = await layoutOf(Object.fromEntries(names.map((name) => [name, tinyImage()])))
  await deleteTags(directory.path, ...names)
  const { removed } = await collectGarbage(directory.path, { grace: 0 })
  assert.deepEqual(
    removed.images.map((image) => image.replace(/@.*/, '')),
    ['docker.io/rancher/a', 'docker.io/rancher/b', 'docker.io/rancher/c'],
  )
})

test('an image of two repositories stays for the one that has a tag', async () => {
  const image = tinyIndex()
  await using dir = await layoutOf({ 'rancher/x:1': image, 'rancher/y:1': image })
  await deleteTags(dir.path, 'rancher/x:1')
  const { removed } = await collectGarbage(dir.path, quick)
  assert.deepEqual([removed.manifests, removed.blobs, removed.bytes], [3, 0, 0])
  assert.deepEqual(await storedDigests(dir.path), digestsOf(image))
  const reader = await readLayout(dir.path)
  const child = image.manifests[0]?.descriptor
  assert.ok(child)
  assert.equal(await reader.headManifest({ ...repository, digest: child.digest }), undefined)
  assert.deepEqual(await reader.headManifest({ ...repository, path: 'rancher/y', digest: child.digest }), child)
})

test('signatures and other referrers live as long as their image', async () => {
  const [kept, gone] = [tinyIndex(), tinyIndex()]
  const about = ({ root }: TinyImage): TinyImage => tinyArtifact(randomBytes(50), 'text/spdx+json', { subject: root.descriptor })
  const [keptSbom, goneSbom] = [about(kept), about(gone)]
  const sbomSignature = about(keptSbom)
  const [keptSignature, goneSignature] = [signatureOf(kept.root.descriptor.digest), signatureOf(gone.root.descriptor.digest)]
  const elsewhere = signatureOf(gone.root.descriptor.digest)
  const byDigest = ({ root }: TinyImage): string => `rancher/x@${root.descriptor.digest}`
  await using dir = await layoutOf({
    'rancher/x:1': gone,
    'rancher/x:2': kept,
    [byDigest(keptSbom)]: keptSbom,
    [byDigest(goneSbom)]: goneSbom,
    [byDigest(sbomSignature)]: sbomSignature,
    [`rancher/x:${cosignTag(kept, 'sig')}`]: keptSignature,
    [`rancher/x:${cosignTag(gone, 'sig')}`]: goneSignature,
    // COSIGN_REPOSITORY keeps signatures apart from the images.
    [`rancher/signatures:${cosignTag(gone, 'sig')}`]: elsewhere,
  })
  await deleteTags(dir.path, 'rancher/x:1')
  const { removed } = await collectGarbage(dir.path, quick)
  assert.deepEqual([removed.images.length, removed.tags], [1, 1])
  assert.deepEqual(await storedDigests(dir.path), digestsOf(kept, keptSbom, sbomSignature, keptSignature, elsewhere))
  const reader = await readLayout(dir.path)
  assert.deepEqual(reader.tags(repository), ['2', cosignTag(kept, 'sig')])
})

test('a grace period keeps what is new and has no tag, with all that it needs', async () => {
  const [old, loose] = [tinyImage(), tinyImage()]
  await using dir = await layoutOf({ 'rancher/x:1': old, [`rancher/x@${loose.root.descriptor.digest}`]: loose })
  const orphan = tinyBlob(randomBytes(70))
  {
    await using layout = await openLayout(dir.path, quick)
    await putBlob(layout, repository, orphan.descriptor, async () => contentOf(orphan.bytes))
  }
  const report = await collectGarbage(dir.path, { ...quick, grace: 3_600_000 })
  assert.deepEqual([report.removed.manifests, report.removed.blobs, report.kept.manifests, report.kept.blobs], [0, 0, 1, 1])
  assert.equal(report.kept.bytes, 70)
  await collectGarbage(dir.path, quick)
  assert.deepEqual(await storedDigests(dir.path), digestsOf(old))
})

test('entries of other tools and unknown files stay, with all that they need', async () => {
  await using dir = await tempDir()
  const [nameless, index, tagless, oldOfTwo, newOfTwo, gone] = [
    tinyImage(),
    tinyIndex(),
    tinyImage(),
    tinyImage(),
    tinyImage(),
    tinyImage(),
  ]
  // An artifact of a type that we do not know.
  const payload = tinyBlob(randomBytes(80))
  const foreign = tinyManifest({ mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: [payload.descriptor] })
  const foreignImage = { blobs: [payload], manifests: [foreign], root: foreign }
  // A layer that lives elsewhere, but which the layout has.
  const windows = tinyBlob(randomBytes(60), 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')
  const withForeign = tinyImage(randomBytes(40), 'amd64', {})
  const config = withForeign.blobs[1]
  assert.ok(config)
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers: [windows.descriptor],
  })
  const windowsImage = { blobs: [config, windows], manifests: [root], root }
  const name = (text: string): Record<string, string> => ({ 'org.opencontainers.image.ref.name': text })
  const images = [nameless, index, tagless, oldOfTwo, newOfTwo, foreignImage, windowsImage]
  await writeFiles(dir.path, {
    ...layoutFiles(
      [...images, gone],
      [
        entryOf(nameless),
        entryOf(index, name('latest')),
        entryOf(tagless, name(`docker.io/rancher/z@${tagless.root.descriptor.digest}`)),
        entryOf(oldOfTwo, name('docker.io/rancher/x:1')),
        entryOf(newOfTwo, name('docker.io/rancher/x:1')),
        entryOf(foreignImage),
        entryOf(windowsImage, name('docker.io/rancher/win:1')),
      ],
    ),
    'notes.txt': 'mine',
    'blobs/sha256/oci-put-blob123': 'of skopeo',
    'blobs/blake3/abc': 'of another tool',
  })
  const before = await readFile(join(dir.path, 'index.json'), 'utf8')
  const report = await collectGarbage(dir.path, quick)
  assert.deepEqual(report.unknownFiles, ['notes.txt', 'blobs/blake3', 'blobs/sha256/oci-put-blob123'])
  assert.deepEqual(await storedDigests(dir.path), [...digestsOf(...images), 'sha256:oci-put-blob123'].toSorted())
  assert.equal(await readFile(join(dir.path, 'index.json'), 'utf8'), before)
  assert.equal(await readFile(join(dir.path, 'notes.txt'), 'utf8'), 'mine')
})

test('an image that was copied by its digest stays, until it is deleted', async () => {
  const image = tinyIndex()
  const { digest } = image.root.descriptor
  await using dir = await layoutOf({ 'rancher/x:1': tinyImage(), [`rancher/x@${digest}`]: image })
  {
    await using layout = await openLayout(dir.path, quick)
    await layout.putManifest({ ...repository, digest }, image.root, { isRoot: true })
  }
  assert.equal((await collectGarbage(dir.path, quick)).removed.manifests, 0)
  {
    await using layout = await openLayout(dir.path, quick)
    assert.equal(await layout.deleteManifest(repository, digest), 'deleted')
  }
  assert.equal((await collectGarbage(dir.path, quick)).removed.manifests, 2)
  assert.equal((JSON.parse(await readFile(join(dir.path, 'index.json'), 'utf8')) as { manifests: unknown[] }).manifests.length, 1)
})

test('files with a further hard link are removed, but free nothing', async () => {
  const image = tinyImage()
  await using dir = await layoutOf({ 'rancher/x:1': image })
  await using other = await tempDir()
  const [layer] = image.blobs
  assert.ok(layer)
  await link(join(dir.path, 'blobs', layer.descriptor.digest.replace(':', '/')), join(other.path, 'copy'))
  await deleteTags(dir.path, 'rancher/x:1')
  const { removed } = await collectGarbage(dir.path, quick)
  const all = [...image.blobs, ...image.manifests].reduce((sum, { descriptor }) => sum + descriptor.size, 0)
  assert.deepEqual([removed.blobs, removed.bytes], [2, all - layer.descriptor.size])
  assert.equal((await stat(join(other.path, 'copy'))).size, layer.descriptor.size)
})

test('refuses a layout that another program is writing to, and what is not a layout', async () => {
  await using dir = await layoutOf({ 'rancher/x:1': tinyImage() })
  {
    await using writer = await openLayout(dir.path, quick)
    await assert.rejects(collectGarbage(dir.path), { code: 'LAYOUT_LOCKED' })
    assert.equal((await collectGarbage(dir.path, { dryRun: true })).removed.blobs, 0)
    assert.equal(writer.lost.aborted, false)
  }
  await assert.rejects(collectGarbage(join(dir.path, 'missing')), { code: 'NOT_FOUND' })
  await using empty = await tempDir()
  await assert.rejects(collectGarbage(empty.path), { code: 'NOT_FOUND' })
  assert.deepEqual(await readdir(empty.path), [])
})
