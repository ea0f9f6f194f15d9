import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { writeLock } from '../../src/bundle/bundle-lock.ts'
import { readNamedImages } from '../../src/bundle/named-images.ts'
import { openLayout } from '../../src/layout/open-layout.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { formatReference } from '../../src/oci/reference.ts'
import { storeImage, tinyImage } from '../layout/tiny-image.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { bundleFiles, packTar } from './bundle-files.ts'
import { dockerSave, indexJson, ociLayout } from './foreign-files.ts'

async function namesOf(place: string): Promise<readonly string[] | undefined> {
  return (await readNamedImages(place))?.images.map(formatReference)
}

const layer = randomBytes(700)
const pause = 'docker.io/rancher/mirrored-pause:3.6'
const lb = 'docker.io/rancher/klipper-lb:v0.4.17'

test('reads the names of a bundle, of an OCI layout in a tar and of docker save, compressed or not, whatever the file is called', async () => {
  const { files, index } = ociLayout({ layers: [layer] })
  for (const [archive, names] of [
    [bundleFiles({ [pause]: tinyImage(), [lb]: tinyImage() }), [pause, lb]],
    [{ ...files, 'index.json': indexJson(index, { 'io.containerd.image.name': pause }) }, [pause]],
    [dockerSave({ tags: ['rancher/mirrored-pause:3.6', 'rancher/klipper-lb:v0.4.17'], layers: [layer] }), [pause, lb]],
  ] as const) {
    await using packed = await packTar(archive)
    await using directory = await tempDir()
    const plain = await directory.write('list.txt', await readFile(packed.path))
    await symlink(plain, `${directory.path}/link`)
    const compressed = await directory.write('images', gzipSync(await readFile(packed.path)))
    for (const path of [plain, `${directory.path}/link`, compressed]) assert.deepEqual(await namesOf(path), names)
  }
})

test('reads no layer of a docker save archive for its names', async () => {
  const files = dockerSave({ tags: [pause], layers: [gzipSync(layer)] })
  await using packed = await packTar(Object.fromEntries(Object.entries(files).filter(([path]) => path === 'manifest.json')))
  assert.deepEqual(await namesOf(packed.path), [pause])
})

test('leaves text lists, other binary files, directories and missing files to the reader of lists', async () => {
  await using directory = await tempDir()
  for (const content of [
    'docker.io/a/b:1\n',
    '',
    '# {\n',
    '{"a": 1}',
    '\uFEFFa/b:1\r\n',
    Buffer.from('\xff\xfea\0', 'latin1'),
    Buffer.alloc(700, 7),
  ])
    assert.equal(await readNamedImages(await directory.write('k3s.tar.zst', content)), undefined)
  assert.equal(await readNamedImages(directory.path), undefined)
  assert.equal(await readNamedImages(`${directory.path}/nothing`), undefined)
})

test('reads the names of a split bundle by every name of it, and reports a missing list of parts', async () => {
  await using packed = await packTar(bundleFiles({ [pause]: tinyImage() }))
  await using directory = await tempDir()
  const bytes = await readFile(packed.path)
  const parts = [bytes.subarray(0, 3000), bytes.subarray(3000)]
  for (const [index, part] of parts.entries()) await directory.write(`k3s.tar.00${index + 1}`, part)
  const file = `${directory.path}/k3s.tar`
  for (const path of [file, `${file}.001`, `${file}.002`])
    await assert.rejects(readNamedImages(path), { code: 'NOT_FOUND', message: /the list of its parts is missing/ })
  await directory.write('k3s.tar.sha256', parts.map((part, index) => `${sha256(part).slice(7)}  k3s.tar.00${index + 1}\n`).join(''))
  for (const path of [file, `${file}.001`, `${file}.002`, `${file}.sha256`]) assert.deepEqual(await namesOf(path), [pause])
  assert.equal(await readNamedImages(await directory.write('images.sha256', 'docker.io/a/b:1\n')), undefined)
})

test('reads the images of a lock file with their digests, and the names in a lock file of an earlier version', async () => {
  await using directory = await tempDir()
  const lock = `${directory.path}/k3s.lock`
  const bundle = sha256(Buffer.from('bundle'))
  const images = [pause, lb, 'docker.io/rancher/klipper-lb:latest'].map((reference) => {
    return { reference, digest: bundle, mediaType: mediaTypes.ociIndex, size: 1, platforms: [] }
  })
  await writeLock(lock, { schemaVersion: 1, lists: [], images })
  assert.deepEqual(
    await namesOf(lock),
    images.map(({ reference }) => `${reference}@${bundle}`),
  )
  await writeFile(lock, JSON.stringify({ schemaVersion: 1, bundle, contents: [], images: [lb] }))
  assert.deepEqual(await namesOf(lock), [lb])
  await writeFile(lock, JSON.stringify({ schemaVersion: 1, bundle, contents: [] }))
  await assert.rejects(readNamedImages(lock), { code: 'INVALID_LIST', message: /the lock file does not list its images/ })
})

test('names the tags of a layout in order, and warns about manifests that no tag leads to', async () => {
  await using directory = await tempDir()
  const place = `oci:${directory.path}`
  {
    await using layout = await openLayout(directory.path, { durable: false })
    for (const name of [pause, lb]) await storeImage(layout, name, tinyImage())
    assert.deepEqual(await readNamedImages(place).then((found) => found?.warnings), [])
    await storeImage(layout, lb, tinyImage())
  }
  const found = await readNamedImages(place)
  assert.deepEqual(found?.images.map(formatReference), [lb, pause])
  assert.deepEqual(found?.warnings, [`${place}: skipped 1 manifest without a tag`])
  assert.deepEqual(found?.lists, [{ name: place, sha256: sha256(Buffer.from(`${lb}\n${pause}\n`)).slice(7), images: 2 }])
  await assert.rejects(readNamedImages(directory.path), { code: 'USAGE', hint: `pass options.images ${place}` })
  await assert.rejects(readNamedImages(`oci:${directory.path}/nothing`), { code: 'NOT_FOUND' })
})

test('reads the names of a compressed bundle from its beginning: what follows may be cut off', async () => {
  await using packed = await packTar(bundleFiles({ [pause]: tinyImage(randomBytes(2_000_000)) }))
  await using directory = await tempDir()
  const compressed = gzipSync(await readFile(packed.path))
  assert.deepEqual(await namesOf(await directory.write('k3s.tar.gz', compressed.subarray(0, 1_000_000))), [pause])
})
