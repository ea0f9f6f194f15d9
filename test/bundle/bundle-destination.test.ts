import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { arrangeLayout } from '../../src/bundle/bundle-contents.ts'
import { BundleDestination } from '../../src/bundle/bundle-destination.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { contentOf, tinyBlob, type TinyBlob } from '../layout/tiny-image.ts'
import { tempDir } from '../servers/temp-dir.ts'

const repository = parseReference('docker.io/rancher/x:1')
const [kept, shared, first, second] = [1, 2, 3, 4].map((byte) => tinyBlob(Buffer.alloc(3000, byte))) as [
  TinyBlob,
  TinyBlob,
  TinyBlob,
  TinyBlob,
]

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
  const bundles = [arranged(a, [kept, shared, first]), arranged(b, [kept, shared, second])]
  {
    await using interrupted = await BundleDestination.open(bundles.slice(0, 1))
    assert.equal(await offer(interrupted, kept), 1)
  }
  await using destination = await BundleDestination.open(bundles)
  const blobs = [kept, shared, first, second]
  const has = (): Promise<readonly boolean[]> => Promise.all(blobs.map(({ descriptor }) => destination.headBlob(repository, descriptor)))
  assert.deepEqual(await has(), [false, false, false, false])
  for (const blob of blobs) assert.equal(await offer(destination, blob), 1)
  assert.deepEqual(await has(), [true, true, true, true])
  assert.equal(await offer(destination, shared), 0)
  await assert.rejects(async () => destination.offerBlob(repository, tinyBlob(Buffer.alloc(9)).descriptor), { code: 'INTERNAL' })
  await destination.finish()
  const files = [await readFile(a), await readFile(b)]
  assert.deepEqual(
    blobs.map(({ bytes }) => files.map((file) => file.includes(Buffer.from(bytes)))),
    [
      [true, true],
      [true, true],
      [true, false],
      [false, true],
    ],
  )
})
