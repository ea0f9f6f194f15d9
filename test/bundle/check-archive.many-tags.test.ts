import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BundledImage } from '../../src/bundle/bundle-record.ts'
import { checkArchive } from '../../src/bundle/check-archive.ts'
import { describeArchive, describeBundle } from '../../src/bundle/describe-archive.ts'
import type { ImageArchive } from '../../src/bundle/image-archive.ts'
import { manifestOf } from '../../src/oci/manifest.ts'
import { processorTime } from '../servers/processor-time.ts'
import { packTar } from './bundle-files.ts'
import { dockerSave, ociLayout } from './foreign-files.ts'

const many = 100_000
const manifest = manifestOf(ociLayout({ layers: [Buffer.alloc(100)] }).manifests[0]?.bytes ?? Buffer.alloc(0))

/** A bundle in memory whose images all name one root, and that counts how often the root is read. */
function archive(rootOf: (at: number) => Partial<BundledImage> = () => ({})): {
  readonly archive: ImageArchive
  readonly reads: () => number
} {
  let reads = 0
  const images = Array.from({ length: many }, (_, at): BundledImage => {
    return {
      reference: { registry: 'docker.io', path: 'a/b', tag: `v${at}` },
      ...manifest.descriptor,
      ...rootOf(at),
      platforms: [],
      digestPreserved: true,
    }
  })
  const stub = {
    path: 'x.tar',
    format: 'bundle',
    images,
    skipped: [],
    isSettled: true,
    contents: async () => [],
    sizeOf: async () => 1,
    getManifest: async () => {
      reads++
      return manifest
    },
  }
  return { archive: stub as unknown as ImageArchive, reads: () => reads }
}

test('checks a root that many tags name once, and names every tag in its problems', async () => {
  const { archive: tagged, reads } = archive()
  const took = await processorTime(async () => {
    const { problems } = await checkArchive(tagged)
    assert.ok(problems.length > 1)
    for (const { images } of problems) assert.equal(images.length, many)
  })
  // The root, its config and its layer are each asked for once.
  assert.ok(reads() <= 3, `${reads()} manifests were read`)
  assert.ok(took < 10_000, `${took} ms`)
})

test('describes a root that many tags name once', async () => {
  const { archive: tagged, reads } = archive()
  assert.equal((await describeArchive(tagged)).images.length, many)
  assert.ok(reads() <= 3, `${reads()} manifests were read`)
})

test('the signal ends a check and a description of many tags', async () => {
  for (const work of [checkArchive, describeArchive]) {
    const abort = new AbortController()
    // Every tag has a root of its own, so that there is something to do for each.
    const { archive: tagged } = archive((at) => ({ digest: `sha256:${at.toString(16).padStart(64, '0')}` }))
    setImmediate(() => abort.abort(new Error('stopped')))
    await assert.rejects(work(tagged, { signal: abort.signal }), { message: 'stopped' })
  }
})

test('lists any number of names in a docker save archive that cannot be used', async () => {
  await using packed = await packTar(dockerSave({ tags: Array.from({ length: 150_000 }, () => 'R'), layers: [Buffer.alloc(10)] }))
  assert.equal((await describeBundle(packed.path)).skipped?.length, 150_000)
})
