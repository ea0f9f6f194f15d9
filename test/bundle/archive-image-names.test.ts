import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createGzip, gzipSync } from 'node:zlib'
import { readImportedNames } from '../../src/bundle/archive-image-names.ts'
import { createCompressor } from '../../src/bundle/compression.ts'
import { paddedSize, tarHeader } from '../../src/bundle/tar-map.ts'
import { formatReference } from '../../src/oci/reference.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { packTar } from './bundle-files.ts'
import { dockerSave, indexJson, ociLayout, type Files } from './foreign-files.ts'

async function compress(bytes: Uint8Array, compression: 'gzip' | 'zstd'): Promise<Buffer> {
  const stream = await createCompressor(compression)
  stream.end(bytes)
  return Buffer.concat(await stream.toArray())
}

// Larger than what is read at once, so that the list is far behind the first bytes.
const layer = Buffer.alloc(3 * 1024 * 1024, 'layer')
const saved = dockerSave({ tags: ['rancher/klipper-lb:v0.4.17'], layers: [layer] })
const layout = ociLayout({ layers: [layer] })
const name = { 'io.containerd.image.name': 'docker.io/rancher/klipper-lb:v0.4.17' }
/** The files of `ctr images export`, which come in this order. */
const exported: Files = Object.fromEntries(
  Object.entries({
    ...layout.files,
    'index.json': indexJson(layout.index, name),
    'manifest.json': dockerSave({ tags: ['rancher/other:1'], layers: [] })['manifest.json'] ?? '',
  }).toSorted(([a], [b]) => (a < b ? -1 : 1)),
)

for (const [what, files] of [
  ['docker save', saved],
  ['ctr images export', exported],
] as const) {
  for (const compression of [undefined, 'gzip', 'zstd'] as const) {
    test(`reads the names of ${what}, ${compression ?? 'not compressed'}`, async () => {
      await using packed = await packTar(files)
      await using directory = await tempDir()
      const tar = await readFile(packed.path)
      const path = await directory.write('images', compression === undefined ? tar : await compress(tar, compression))
      const { names, skipped, compression: found } = await readImportedNames(path)
      assert.deepEqual([names.map(formatReference), skipped, found], [['docker.io/rancher/klipper-lb:v0.4.17'], [], compression])
    })
  }
}

test('reads manifest.json where index.json is not that of a layout, as containerd does', async () => {
  const { 'oci-layout': _, ...files } = exported
  await using packed = await packTar(files)
  assert.deepEqual((await readImportedNames(packed.path)).names.map(formatReference), ['docker.io/rancher/other:1'])
})

test('lists entries without a full name as skipped', async () => {
  await using packed = await packTar({
    ...layout.files,
    'index.json': indexJson(layout.index, { 'org.opencontainers.image.ref.name': '1.36' }),
  })
  const { names, skipped } = await readImportedNames(packed.path)
  assert.deepEqual([names, skipped.length], [[], 1])
})

test('does not accept other files, other compressions, and damaged archives', async () => {
  await using directory = await tempDir()
  await using packed = await packTar(saved)
  const gzip = gzipSync(await readFile(packed.path))
  const cases = [
    ['text', 'hello', 'USAGE'],
    ['lz4', Buffer.from('04224d18000000000000000000', 'hex'), 'UNSUPPORTED'],
    ['cut.tar', (await readFile(packed.path)).subarray(0, 1024 * 1024), 'INTEGRITY'],
    ['cut.tar.gz', gzip.subarray(0, gzip.length - 100), 'INTEGRITY'],
    ['broken.tar.gz', Buffer.concat([gzip.subarray(0, 200), Buffer.alloc(200), gzip.subarray(400)]), 'INTEGRITY'],
  ] as const
  for (const [file, content, code] of cases) await assert.rejects(readImportedNames(await directory.write(file, content)), { code }, file)
  await using empty = await packTar({ 'readme.txt': 'x' })
  await assert.rejects(readImportedNames(empty.path), { code: 'UNSUPPORTED' })
  await assert.rejects(readImportedNames(`${directory.path}/missing`), { code: 'LOCAL_IO' })
})

test('keeps little of a large compressed archive in memory', async () => {
  await using directory = await tempDir()
  const list = Buffer.from(JSON.stringify([{ Config: 'c.json', RepoTags: ['rancher/big:1'], Layers: [] }]))
  const gzip = createGzip({ level: 1 })
  gzip.write(tarHeader({ path: 'layer.tar', size: 128 * 1024 ** 2 }))
  for (let written = 0; written < 128; written++) gzip.write(Buffer.alloc(1024 ** 2))
  gzip.end(
    Buffer.concat([
      tarHeader({ path: 'manifest.json', size: list.length }),
      list,
      Buffer.alloc(paddedSize(list.length) - list.length + 1024),
    ]),
  )
  const path = await directory.write('images.tar.gz', Buffer.concat(await gzip.toArray()))
  global.gc?.()
  const before = process.memoryUsage().arrayBuffers
  let peak = 0
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)), 5)
  const { names } = await readImportedNames(path)
  clearInterval(timer)
  assert.deepEqual(names.map(formatReference), ['docker.io/rancher/big:1'])
  assert.ok(peak < 64 * 1024 * 1024, `${peak} bytes`)
})
