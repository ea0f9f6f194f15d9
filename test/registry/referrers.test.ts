import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { openRegistry } from './open-registry.ts'

const repository = { registry: 'registry.example.com', path: 'a/b' }
const subject = sha256(Buffer.from('subject'))

test('lists the manifests about another one', async () => {
  await using server = await startRegistry()
  const image = tinyImage()
  const signature = tinyImage(undefined, 'amd64', { subject: image.root.descriptor })
  await server.push('a/b', '1', image)
  await server.push('a/b', 'signature', signature)
  await using registry = openRegistry(server.url)
  assert.deepEqual(await registry.listReferrers(repository, image.root.descriptor.digest), [signature.root.descriptor.digest])
  assert.deepEqual(await registry.listReferrers(repository, signature.root.descriptor.digest), [])
})

test('omits what is not a digest, and rejects a registry without referrers', async () => {
  await using server = await scriptedServer(({ index }, response) => {
    if (index > 0) response.statusCode = 404
    response.end(JSON.stringify({ manifests: [{ digest: subject }, { digest: 'x' }, {}, null] }))
  })
  await using registry = openRegistry(server.url)
  assert.deepEqual(await registry.listReferrers(repository, subject), [subject])
  await assert.rejects(registry.listReferrers(repository, subject), { code: 'NOT_FOUND' })
})
