import assert from 'node:assert/strict'
import { readdir, readFile, readlink, rename, stat, utimes } from 'node:fs/promises'
import { test } from 'node:test'
import type { Content } from '../../src/async/content.ts'
import { arrangeBundle, blobPath } from '../../src/bundle/bundle-contents.ts'
import { maxRecordBytes } from '../../src/bundle/bundle-record.ts'
import { UnfinishedBundle } from '../../src/bundle/unfinished-bundle.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { contentOf, tinyBlob } from '../layout/tiny-image.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** Files below a directory that this process has open. */
async function openBelow(directory: string): Promise<readonly string[]> {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(directory))
}

/** Writes a blob from its beginning to its end. */
async function write(bundle: UnfinishedBundle, digest: Digest, content: Content): Promise<void> {
  const writer = bundle.writer(blobPath(digest))
  await content.read((chunk) => writer.write(chunk))
  await writer.end()
}

test('a signal while finished blobs are hashed again leaves no file open, and keeps the unfinished bundle', async () => {
  await using directory = await tempDir()
  const file = `${directory.path}/k3s.tar`
  const { bytes, descriptor } = tinyBlob(Buffer.alloc(1000))
  const layout = arrangeBundle({ tool: 'test', lists: [], images: [] }, [{ manifests: [], blobs: [descriptor], foreign: [] }])
  {
    await using part = await UnfinishedBundle.open(file, layout)
    await write(part, descriptor.digest, contentOf(bytes))
  }
  await assert.rejects(UnfinishedBundle.open(file, layout, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  assert.deepEqual(await openBelow(directory.path), [])
  await using part = await UnfinishedBundle.open(file, layout)
  assert.equal(part.has(descriptor.digest), true)
})

test('a process that was frozen while another one took over its bundle neither harms the archive nor gives it its name', async () => {
  await using directory = await tempDir()
  const file = `${directory.path}/k3s.tar`
  const blobs = [tinyBlob(Buffer.alloc(5000, 1)), tinyBlob(Buffer.alloc(6000, 2))]
  const contents = { manifests: [], blobs: blobs.map(({ descriptor }) => descriptor), foreign: [] }
  const layout = arrangeBundle({ tool: 'test', lists: [], images: [] }, [contents])
  const [first, second] = blobs
  assert.ok(first !== undefined && second !== undefined)
  await using frozen = await UnfinishedBundle.open(file, layout)
  await write(frozen, first.descriptor.digest, contentOf(first.bytes))
  // As if it ran on another machine, and had not been heard of for a minute.
  const claim = (await readdir(`${file}.part`)).find((name) => name.startsWith('writer-')) ?? ''
  const foreign = `${file}.part/writer-0123456789ab-17-17-aaaaaaaaaaaa`
  await rename(`${file}.part/${claim}`, foreign)
  const old = new Date(Date.now() - 60_000)
  await utimes(foreign, old, old)
  await using next = await UnfinishedBundle.open(file, layout)
  assert.deepEqual([next.has(first.descriptor.digest), next.has(second.descriptor.digest)], [true, false])
  // Bytes of another selection, at places of its own.
  await write(frozen, first.descriptor.digest, contentOf(Buffer.alloc(5000, 9)))
  await assert.rejects(frozen.finish(), { code: 'LAYOUT_LOCKED' })
  await assert.rejects(stat(file), { code: 'ENOENT' })
  await assert.rejects(write(frozen, first.descriptor.digest, contentOf(first.bytes)), { code: 'LAYOUT_LOCKED' })
  await write(next, second.descriptor.digest, contentOf(second.bytes))
  await next.finish()
  const archive = await readFile(file)
  for (const { bytes } of blobs) assert.ok(archive.includes(Buffer.from(bytes)))
  assert.ok(!archive.includes(Buffer.alloc(100, 9)))
})

test('a bundle whose own list no reader would take is refused before it is made', () => {
  const record = {
    tool: 'test',
    lists: [{ name: Buffer.alloc(maxRecordBytes, 'x').toString('latin1'), sha256: '', images: 0 }],
    images: [],
  }
  assert.throws(() => arrangeBundle(record, []), { code: 'UNSUPPORTED', message: /larger than 64 MiB/ })
})
