import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { formatBundleIndex } from '../../src/bundle/bundle-contents.ts'
import { openBundle } from '../../src/bundle/bundle-reader.ts'
import { formatReference } from '../../src/oci/reference.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { bundleFiles, flipBit, packTar } from './bundle-files.ts'

const image = tinyImage()
const files = bundleFiles({ 'docker.io/a/b:1': image })
const ownFiles = ['oci-layout', 'index.json', 'k3s-mirror.json']

test('finds a flipped bit anywhere in the record, the index or a header of a bundle', async () => {
  await using file = await packTar(files)
  let at = 0
  for (const name of ownFiles) {
    const size = Buffer.from(files[name] ?? '').length
    for (let place = at; place < at + 512 + size; place++) {
      // what ends the checksum says nothing
      if (place === at + 154 || place === at + 155) continue
      await flipBit(file.path, place)
      const opened = openBundle(file.path).then((bundle) => bundle[Symbol.asyncDispose]())
      await assert.rejects(
        opened,
        ({ code, message }: Error & { code?: string }) => {
          // the digit of the record's form is all that may pass for a newer one
          assert.ok(code === 'INTEGRITY' || (code === 'UNSUPPORTED' && /unsupported schemaVersion/.test(message)), `${place}: ${message}`)
          assert.ok(message.includes(file.path), message)
          return true
        },
        `byte ${place}, ${place - at} of ${name}`,
      )
      await flipBit(file.path, place)
    }
    at += 512 + Math.ceil(size / 512) * 512
  }
  await using bundle = await openBundle(file.path)
  assert.deepEqual(
    bundle.images.map(({ reference }) => formatReference(reference)),
    ['docker.io/a/b:1'],
  )
})

test('a record that gives a name the content of another is refused, also where the whole file is from one hand', async () => {
  const other = bundleFiles({ 'docker.io/a/b:1': tinyImage() })
  for (const name of ownFiles.slice(1)) {
    await using file = await packTar({ ...files, [name]: other[name] ?? '' })
    await assert.rejects(openBundle(file.path), {
      code: 'INTEGRITY',
      message: /index\.json does not match k3s-mirror\.json/,
    })
  }
})

test('a record that names no image is refused with the name of the file', async () => {
  const record = (files['k3s-mirror.json'] ?? '').toString().replace('docker.io/a/b:1', 'docker.io/A b')
  const index = formatBundleIndex({ tool: '', lists: [], images: [] }, Buffer.from(record))
  await using file = await packTar({ ...files, 'k3s-mirror.json': record, 'index.json': index })
  await assert.rejects(openBundle(file.path), { code: 'INTEGRITY', message: /packed\.tar is damaged/ })
})

for (const name of ownFiles.slice(0, 2)) {
  test(`a bundle without ${name} is damaged`, async () => {
    const { [name]: _, ...rest } = files
    await using file = await packTar(rest)
    await assert.rejects(openBundle(file.path), { code: 'INTEGRITY', message: new RegExp(`${name} is missing`) })
  })
}

test('a bundle that ends behind a file, without the zeros that every bundle ends with, was cut off', async () => {
  for (const pack of [(bytes: Buffer) => bytes, (bytes: Buffer) => gzipSync(bytes)]) {
    await using file = await packTar(files)
    const bytes = await readFile(file.path)
    await writeFile(file.path, pack(bytes.subarray(0, bytes.length - 1024)))
    const read = async (): Promise<void> => {
      await using bundle = await openBundle(file.path)
      await bundle.end()
    }
    await assert.rejects(read(), { code: 'INTEGRITY', message: /truncated/ })
  }
})
