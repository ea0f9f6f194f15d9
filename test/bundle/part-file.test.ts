import assert from 'node:assert/strict'
import { readdir, readlink } from 'node:fs/promises'
import { test } from 'node:test'
import { layOutBundle } from '../../src/bundle/bundle-layout.ts'
import { PartFile } from '../../src/bundle/part-file.ts'
import { contentOf, tinyBlob } from '../layout/tiny-image.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** Files below a directory that this process has open. */
async function openBelow(directory: string): Promise<readonly string[]> {
  const names = await readdir('/proc/self/fd')
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(directory))
}

test('a signal while what is there is hashed again leaves no file open, and the part to the next run', async () => {
  await using directory = await tempDir()
  const file = `${directory.path}/k3s.tar`
  const { bytes, descriptor } = tinyBlob(Buffer.alloc(1000))
  const layout = layOutBundle({ tool: 'test', lists: [], images: [] }, [{ manifests: [], blobs: [descriptor], foreign: [] }])
  {
    await using part = await PartFile.open(file, layout)
    await part.write(descriptor.digest, contentOf(bytes))
  }
  await assert.rejects(PartFile.open(file, layout, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  assert.deepEqual(await openBelow(directory.path), [])
  await using part = await PartFile.open(file, layout)
  assert.equal(part.has(descriptor.digest), true)
})
