import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference } from '../../src/oci/reference.ts'
import type { PlanStep } from '../../src/plan/plan.ts'
import { missingBlobs } from '../../src/plan/resolve-image.ts'
import { tinyIndex } from '../layout/tiny-image.ts'
import { openRegistry } from '../registry/open-registry.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'

test("lists the blobs that the destination's repository lacks, in order, with HEAD requests only", async () => {
  const image = tinyIndex()
  await using server = await memoryRegistry()
  await using destination = openRegistry(server.url, { side: 'destination' })
  const blobs = image.blobs.map(({ descriptor }) => descriptor)
  const step: PlanStep = {
    source: parseReference('a/b:1'),
    destination: parseReference('r.example/a/b:1'),
    root: image.root.descriptor,
    state: 'new',
    platforms: [],
    digestPreserved: true,
    contents: { manifests: image.manifests, blobs, foreign: [] },
  }
  assert.deepEqual(await missingBlobs(step, destination), blobs)
  for (const { bytes, descriptor } of image.blobs.slice(1, 3)) server.blobs.set(`a/b@${descriptor.digest}`, Buffer.from(bytes))
  assert.deepEqual(await missingBlobs(step, destination), [blobs[0], blobs[3]])
  assert.deepEqual([...new Set(server.kinds())], ['blob-head'])
})
