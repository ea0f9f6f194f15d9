import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readdir, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLayout } from '../../src/layout/open-layout.ts'
import { openFilesOf } from '../servers/open-files.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { tinyBlob } from './tiny-image.ts'

const options = { durable: false }
const uploads = '.k3s-mirror/uploads'

test('the next process resumes an upload after the bytes on the disk, in parts of any size', async () => {
  await using dir = await tempDir()
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const { bytes, descriptor } = tinyBlob(randomBytes(1_400_000))
    const key = { id: randomUUID(), owner: 'a/b' }
    const cuts = [0, 1, 65_536, 600_000, 600_001, 1_200_000, bytes.length]
    for (const [at, cut] of cuts.entries()) {
      await using layout = await openLayout(dir.path, options)
      const writer = at === 0 ? await layout.startUpload(key, algorithm) : await layout.resumeUpload(key)
      assert.ok(writer !== undefined)
      assert.equal(writer.size, cuts[at - 1] ?? 0)
      assert.equal(await layout.resumeUpload(key), undefined)
      await writer.write(bytes.subarray(cuts[at - 1] ?? 0, cut))
      if (at < cuts.length - 1) await writer.suspend()
      else await writer.commit(descriptor.digest, bytes.length)
    }
    await using layout = await openLayout(dir.path, options)
    assert.ok(await layout.verifyBlob(descriptor.digest))
    assert.equal(await layout.resumeUpload(key), undefined)
    await layout.deleteBlob(descriptor.digest)
  }
  assert.deepEqual(await readdir(join(dir.path, uploads)), [])
})

test('an upload that waits for its client has no file open, and resumes where it was', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const directory = join(dir.path, uploads)
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const { bytes, descriptor } = tinyBlob(randomBytes(1_400_000))
    const writer = await layout.startUpload({ id: randomUUID(), owner: 'a/b' }, algorithm)
    assert.deepEqual(await openFilesOf(directory), [])
    let from = 0
    for (const to of [1, 65_536, 65_537, 700_000, bytes.length]) {
      await writer.write(bytes.subarray(from, to))
      await Promise.all([writer.flush(), writer.flush()])
      assert.deepEqual(await openFilesOf(directory), [])
      from = to
    }
    await writer.commit(descriptor.digest, bytes.length)
    assert.deepEqual(await openFilesOf(dir.path), [join(dir.path, '.k3s-mirror/manifests.ndjson')])
    assert.ok(await layout.verifyBlob(descriptor.digest))
    await layout.deleteBlob(descriptor.digest)
  }
})

test('an upload is refused whose file was changed meanwhile, and one that has ended takes no more', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  const { bytes, descriptor } = tinyBlob(randomBytes(1000))
  const changed = await layout.startUpload({ id: randomUUID(), owner: 'a/b' })
  await changed.write(bytes)
  await changed.flush()
  const [name = ''] = await readdir(join(dir.path, uploads))
  await truncate(join(dir.path, uploads, name), 10)
  await assert.rejects(changed.commit(descriptor.digest), { code: 'LOCAL_IO', message: /was changed by another program/ })
  const ended = await layout.startUpload({ id: randomUUID(), owner: 'a/b' })
  await ended.write(bytes)
  await ended.commit(descriptor.digest)
  await assert.rejects(async () => ended.write(bytes), { code: 'CANCELLED' })
  assert.ok(await layout.verifyBlob(descriptor.digest))
  assert.deepEqual(await readdir(join(dir.path, uploads)), [])
})

test('a layout that cannot be opened for writing leaves no file open', async () => {
  await using dir = await tempDir()
  await mkdir(join(dir.path, 'index.json'))
  await assert.rejects(openLayout(dir.path, options), { code: 'LOCAL_IO' })
  assert.deepEqual(await openFilesOf(dir.path), [])
})

test('what was flushed is found without the end of its process, and only by its owner', async () => {
  await using dir = await tempDir()
  const key = { id: randomUUID(), owner: 'a/b' }
  await using layout = await openLayout(dir.path, options)
  const writer = await layout.startUpload(key)
  await writer.write(randomBytes(100))
  await writer.flush()
  const [name = ''] = await readdir(join(dir.path, uploads))
  await layout.close()
  await using next = await openLayout(dir.path, options)
  assert.deepEqual(await readdir(join(dir.path, uploads)), [name])
  for (const other of [
    { ...key, owner: 'a/c' },
    { ...key, id: randomUUID() },
    { ...key, id: '../x' },
    { ...key, id: key.id.toUpperCase() },
  ])
    assert.equal(await next.resumeUpload(other), undefined)
  const resumed = await next.resumeUpload(key)
  assert.equal(resumed?.size, 100)
  await resumed.discard()
  await writer.discard()
  assert.deepEqual(await readdir(join(dir.path, uploads)), [])
})

test('the next writer removes uploads older than a day and every other file, and follows no link', async () => {
  await using dir = await tempDir()
  const [young, old, link] = [randomUUID(), randomUUID(), randomUUID()].map((id) => ({ id, owner: 'a' }))
  assert.ok(young !== undefined && old !== undefined && link !== undefined)
  const files: string[] = []
  {
    await using layout = await openLayout(dir.path, options)
    for (const key of [young, old]) {
      const writer = await layout.startUpload(key)
      await writer.write(Buffer.from(key.id))
      await writer.suspend()
      files.push((await readdir(join(dir.path, uploads))).find((name) => name.startsWith(key.id)) ?? '')
    }
    await (await layout.startBlob()).suspend()
  }
  const hours = (count: number): Date => new Date(Date.now() - count * 3_600_000)
  await utimes(join(dir.path, uploads, files[0] ?? ''), hours(23), hours(23))
  await utimes(join(dir.path, uploads, files[1] ?? ''), hours(25), hours(25))
  await writeFile(join(dir.path, uploads, 'index-1'), 'x')
  const secret = await dir.write('secret', 'secret')
  const planted = files[0]?.replace(young.id, link.id) ?? ''
  await symlink(secret, join(dir.path, uploads, planted))
  await using layout = await openLayout(dir.path, options)
  assert.deepEqual(new Set(await readdir(join(dir.path, uploads))), new Set([files[0], planted]))
  assert.equal(await layout.resumeUpload(link), undefined)
  const resumed = await layout.resumeUpload(young)
  assert.equal(resumed?.size, 36)
  await resumed.suspend()
})

test('refuses to resume an upload while it is committed or discarded', async () => {
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, options)
  for (let round = 0; round < 50; round++) {
    const { bytes, descriptor } = tinyBlob(randomBytes(100))
    const key = { id: randomUUID(), owner: 'a/b' }
    const writer = await layout.startUpload(key)
    await writer.write(bytes)
    let isEnding = true
    const ended = (round % 2 === 0 ? writer.commit(descriptor.digest) : writer.discard()).finally(() => {
      isEnding = false
    })
    while (isEnding) {
      assert.equal(await layout.resumeUpload(key), undefined)
      await new Promise(setImmediate)
    }
    await ended
  }
})
