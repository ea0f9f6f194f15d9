import assert from 'node:assert/strict'
import { constants } from 'node:buffer'
import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Catalogue } from '../../src/layout/catalogue.ts'
import { ManifestJournal } from '../../src/layout/manifest-journal.ts'
import { openLayout, readLayout } from '../../src/layout/open-layout.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { storeImage, tinyImage } from './tiny-image.ts'

const options = { durable: false }
const repository = { registry: 'docker.io', path: 'rancher/x' }

/** One line of a journal. */
function line(path: string, seed: string | number, deleted?: true): string {
  return `${JSON.stringify({ registry: 'docker.io', path, digest: sha256(Buffer.from(String(seed))), mediaType: mediaTypes.ociManifest, size: 7, deleted })}\n`
}

async function readPaths(path: string): Promise<string[]> {
  const found: string[] = []
  await new ManifestJournal(path, false).read(({ repository: { path: name } }) => void found.push(name))
  return found
}

test('a journal larger than the longest string is read', async () => {
  await using dir = await tempDir()
  const path = join(dir.path, 'journal')
  await writeFile(path, line('a', 1))
  // A hole: it reads as one line of zeros, not as a record.
  await truncate(path, constants.MAX_STRING_LENGTH + 1024)
  await appendFile(path, `\n${line('b', 2)}`)
  assert.deepEqual(await readPaths(path), ['a', 'b'])
})

test('lines are whole wherever the buffer ends, and one that is longer than it is left out', async () => {
  await using dir = await tempDir()
  const path = join(dir.path, 'journal')
  const mebibyte = 1024 * 1024
  for (const before of [mebibyte - 300, mebibyte - 20, mebibyte - 1, mebibyte, mebibyte + 1, 3 * mebibyte + 5]) {
    await writeFile(path, `${line('a', 1)}${' '.repeat(before)}\n${line('b', 2)}${line('c', 3)}${line('d', 4).slice(0, -9)}`)
    assert.deepEqual(await readPaths(path), ['a', 'b', 'c'], `${before}`)
  }
  await writeFile(path, line('a', 1) + line('ü', 2) + 'x'.repeat(2 * mebibyte))
  assert.deepEqual(await readPaths(path), ['a'])
  const journal = new ManifestJournal(path, false)
  await journal.read(() => undefined)
  await journal.openForWriting(async () => undefined)
  await journal.close()
  assert.equal(await readFile(path, 'utf8'), line('a', 1) + line('ü', 2))
})

test('a writer that lost its claim before opening the journal does not truncate it', async () => {
  await using dir = await tempDir()
  const path = join(dir.path, 'journal')
  await writeFile(path, line('a', 1))
  const journal = new ManifestJournal(path, false)
  await journal.read(() => undefined)
  await appendFile(path, line('b', 2))
  const overtaken = new Error('overtaken')
  await assert.rejects(
    journal.openForWriting(() => Promise.reject(overtaken)),
    { code: 'LOCAL_IO', cause: overtaken },
  )
  assert.deepEqual(await readPaths(path), ['a', 'b'])
})

/** A journal in which one manifest was stored and deleted so often. */
function churn(times: number): string {
  return Array.from({ length: times }, (_, at) => line('rancher/churn', at) + line('rancher/churn', at, true)).join('')
}

test('a journal that is mostly overruled is written anew at the start and by a deletion, with the same meaning', async () => {
  await using dir = await tempDir()
  const own = join(dir.path, '.k3s-mirror')
  const path = join(own, 'manifests.ndjson')
  const image = tinyImage()
  {
    await using layout = await openLayout(dir.path, options)
    await storeImage(layout, 'rancher/x:1', image)
  }
  const size = async (): Promise<number> => (await stat(path)).size
  await appendFile(path, churn(4000))
  await (await openLayout(dir.path, options)).close()
  assert.ok((await size()) > 1_000_000, 'a small journal is not written anew')
  await appendFile(path, churn(2000))
  {
    await using layout = await openLayout(dir.path, options)
    assert.ok((await size()) < 2000)
    assert.equal(layout.hasRepository({ registry: 'docker.io', path: 'rancher/churn' }), false)
    await storeImage(layout, 'rancher/x:2', tinyImage())
  }
  for (const layout of [await readLayout(dir.path), await readLayout(dir.path)]) {
    assert.deepEqual(layout.repositories(), [repository])
    assert.deepEqual(layout.tags(repository), ['1', '2'])
    assert.equal(layout.knowsRepository({ registry: 'docker.io', path: 'rancher/churn' }), true)
  }
})

test('a deletion writes a journal anew that has become mostly overruled while the process runs', async () => {
  await using dir = await tempDir()
  const path = join(dir.path, '.k3s-mirror/manifests.ndjson')
  {
    await using layout = await openLayout(dir.path, options)
    await storeImage(layout, 'rancher/x:1', tinyImage())
  }
  await appendFile(path, churn(4998))
  const image = tinyImage()
  await using layout = await openLayout(dir.path, options)
  await storeImage(layout, 'rancher/x:2', image)
  await storeImage(layout, 'rancher/x:3', tinyImage())
  assert.ok((await stat(path)).size > 1_000_000)
  assert.equal(await layout.deleteManifest(repository, image.root.descriptor.digest), 'deleted')
  assert.ok((await stat(path)).size > 1_000_000, 'a small journal is not written anew')
  const last = tinyImage()
  await storeImage(layout, 'rancher/x:4', last)
  assert.equal(await layout.deleteManifest(repository, last.root.descriptor.digest), 'deleted')
  assert.ok((await stat(path)).size < 2000)
  await storeImage(layout, 'rancher/x:5', tinyImage())
  const reader = await readLayout(dir.path)
  assert.deepEqual(reader.tags(repository), ['1', '3', '5'])
  assert.equal(reader.knowsRepository({ registry: 'docker.io', path: 'rancher/churn' }), true)
})

test('keeps using the old journal after a failed rewrite', async () => {
  await using dir = await tempDir()
  const path = join(dir.path, 'journal')
  await writeFile(path, line('a', 1))
  const journal = new ManifestJournal(path, true)
  await journal.read(() => undefined)
  await journal.openForWriting(async () => undefined)
  await assert.rejects(journal.replace(new Catalogue(), join(dir.path, 'absent')), { code: 'LOCAL_IO' })
  const descriptor = { mediaType: mediaTypes.ociManifest, digest: sha256(Buffer.from('2')), size: 7 }
  await journal.append([{ repository: { registry: 'docker.io', path: 'b' }, descriptor }])
  await journal.close()
  assert.deepEqual(await readPaths(path), ['a', 'b'])
  assert.deepEqual(await readdir(dir.path), ['journal'])
})
