import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { readRepository } from '../../src/prune/read-repository.ts'
import { tinyManifest } from '../layout/tiny-image.ts'
import { refuse } from '../servers/memory-registry.ts'
import { indexOver, newImage, prunedRegistry, prunedRepository } from './pruned-registry.ts'

test('reads roots and the indexes below them, and no image below an index', async () => {
  await using server = await prunedRegistry()
  const [a, b] = [newImage(), newImage()]
  const inner = indexOver(b)
  const outer = indexOver(a, inner)
  server.registry.hold('x', 'outer', outer)
  server.registry.hold('x', 'a', a)
  const { tags, manifests } = await readRepository(server.place, prunedRepository)
  assert.deepEqual([...tags.keys()], ['a', 'outer'])
  const digests = [outer, inner, a].map(({ root }) => root.descriptor.digest)
  assert.deepEqual([...manifests.keys()].toSorted(), digests.toSorted())
  assert.deepEqual(manifests.get(inner.root.descriptor.digest)?.children, [b.root.descriptor.digest])
})

test('an unknown repository has no tags, and a listed tag may have no manifest', async () => {
  await using server = await prunedRegistry()
  assert.equal((await readRepository(server.place, { registry: 'registry.example.com', path: 'unknown' })).tags.size, 0)
  const { intercept } = server.registry
  server.registry.intercept = (request, response) => {
    if (!request.path.startsWith('/v2/x/tags/')) return intercept(request, response)
    response.end('{"tags":["lost"]}')
    return true
  }
  assert.deepEqual([...(await readRepository(server.place, prunedRepository)).tags], [['lost', undefined]])
})

test('finds a digest that has no tag, and misses one that is absent', async () => {
  await using server = await prunedRegistry()
  const image = newImage()
  server.registry.hold('x', 'passing', image)
  server.registry.manifests.delete('x:passing')
  const { digest } = image.root.descriptor
  const { manifests } = await readRepository(server.place, prunedRepository, { digests: [digest, sha256(Buffer.from('absent'))] })
  assert.deepEqual([...manifests.keys()], [digest])
})

test('takes an artifact of an unknown type for one without children', async () => {
  await using server = await prunedRegistry()
  const root = tinyManifest({ mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: [] })
  server.registry.hold('x', 'artifact', { blobs: [], manifests: [root] })
  const { manifests } = await readRepository(server.place, prunedRepository)
  assert.deepEqual([...manifests], [[root.descriptor.digest, { children: [] }]])
})

test('rejects a repository where a manifest cannot be read: nothing is known of what it needs', async () => {
  for (const status of [401, 403, 500]) {
    await using server = await prunedRegistry()
    server.registry.hold('x', '1', newImage())
    const { intercept } = server.registry
    server.registry.intercept = (request, response) =>
      request.kind === 'manifest-get' ? refuse(response, status, 'DENIED') : intercept(request, response)
    await assert.rejects(readRepository(server.place, prunedRepository), { side: 'source' })
  }
  await using server = await prunedRegistry()
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  server.registry.hold('x', '1', { blobs: [], manifests: [tinyManifest({ mediaType, manifests: 7 })] })
  await assert.rejects(readRepository(server.place, prunedRepository), { code: 'INVALID_MANIFEST' })
})
