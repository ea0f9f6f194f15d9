import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { arrangeLayout } from '../../src/bundle/bundle-contents.ts'
import { BundleDestination } from '../../src/bundle/bundle-destination.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { contentOf, tinyBlob, type TinyBlob } from '../layout/tiny-image.ts'
import { tempDir } from '../servers/temp-dir.ts'

const repository = parseReference('docker.io/rancher/x:1')
const [shared, first, second] = [1, 2, 3].map((byte) => tinyBlob(Buffer.alloc(3000, byte))) as [TinyBlob, TinyBlob, TinyBlob]

/** What a file gets. */
function arranged(target: string, blobs: readonly TinyBlob[]) {
  return { target, contents: arrangeLayout([], [{ manifests: [], blobs: blobs.map(({ descriptor }) => descriptor), foreign: [] }]) }
}

/** Offers a blob; how often it was read. */
async function offer(destination: BundleDestination, { bytes, descriptor }: TinyBlob): Promise<number> {
  let reads = 0
  const offered = await destination.offerBlob(repository, descriptor)
  if (offered.kind === 'upload') {
    await offered.upload.put(async () => {
      reads++
      return contentOf(bytes)
    })
  }
  return reads
}

test('reads a blob of several bundles once, and writes it to those that lack it', async () => {
  await using directory = await tempDir()
  const [a, b] = [`${directory.path}/a.tar`, `${directory.path}/b.tar`]
  const bundles = [arranged(a, [shared, first]), arranged(b, [shared, second])]
  {
    await using interrupted = await BundleDestination.open(bundles.slice(0, 1))
    assert.equal(await offer(interrupted, shared), 1)
  }
  await using destination = await BundleDestination.open(bundles)
  assert.deepEqual(await Promise.all([shared, first, second].map((blob) => destination.headBlob(repository, blob.descriptor))), [
    false,
    false,
    false,
  ])
  assert.deepEqual([await offer(destination, shared), await offer(destination, first), await offer(destination, second)], [1, 1, 1])
  assert.equal(await offer(destination, shared), 0)
  await assert.rejects(async () => destination.offerBlob(repository, tinyBlob(Buffer.alloc(9)).descriptor), { code: 'INTERNAL' })
  await destination.finish()
  const [atA, atB] = [await readFile(a), await readFile(b)]
  const inFiles = [shared, first, second].map(({ bytes }) => [atA, atB].map((file) => file.includes(Buffer.from(bytes))))
  assert.deepEqual(inFiles, [
    [true, true],
    [true, false],
    [false, true],
  ])
})
