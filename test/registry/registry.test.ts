import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference } from '../../src/oci/reference.ts'
import { parseEndpoint } from '../../src/registry/endpoint.ts'
import { SourceRegistries } from '../../src/registry/registry.ts'
import { bytesOf, tinyImage } from '../layout/tiny-image.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'
import { openRegistry } from './open-registry.ts'

const image = tinyImage()

test('reads each registry from its endpoint and the others from that of *, and opens each once', async () => {
  await using hub = await memoryRegistry()
  await using rest = await memoryRegistry()
  hub.hold('a/b', '1', image)
  rest.hold('cache/a/b', '1', image)
  await using first = openRegistry(hub.url)
  await using second = openRegistry(`${rest.url}/cache`)
  const opened: string[] = []
  const source = new SourceRegistries(
    new Map([
      ['docker.io', parseEndpoint(hub.url)],
      ['*', parseEndpoint(`${rest.url}/cache`)],
    ]),
    ({ origin, prefix }) => {
      opened.push(`${origin.origin}/${prefix}`)
      return origin.origin === hub.url ? first : second
    },
  )
  for (const name of ['docker.io/a/b:1', 'ghcr.io/a/b:1', 'docker.io/a/b:1']) {
    const reference = parseReference(name)
    assert.deepEqual(await source.headManifest(reference), image.root.descriptor)
    assert.deepEqual(Buffer.from((await source.getManifest(reference)).bytes), image.root.bytes)
    for (const { bytes, descriptor } of image.blobs) assert.deepEqual(await bytesOf(await source.getBlob(reference, descriptor)), bytes)
  }
  assert.deepEqual(opened, [`${hub.url}/`, `${rest.url}/cache/`])
})

test('reads a registry without an endpoint from its own name, and counts pulls only for Docker Hub', () => {
  const source = new SourceRegistries(new Map([['quay.io', parseEndpoint('mirror.example')]]), () => assert.fail('nothing is opened'))
  assert.equal(source.endpoint('ghcr.io').origin.origin, 'https://ghcr.io')
  assert.equal(source.endpoint('quay.io').origin.origin, 'https://mirror.example')
  assert.ok(source.isDockerHub(parseReference('alpine')))
  assert.ok(!source.isDockerHub(parseReference('quay.io/a/b')))
  assert.ok(
    !new SourceRegistries(new Map([['docker.io', parseEndpoint('mirror.example')]]), () => assert.fail()).isDockerHub(
      parseReference('alpine'),
    ),
  )
})

test('reports quotas by registry', async () => {
  await using server = await memoryRegistry((_request, response) => {
    response.setHeader('ratelimit-limit', '100;w=21600')
    response.setHeader('ratelimit-remaining', '76;w=21600')
    return false
  })
  server.hold('a/b', '1', image)
  await using registry = openRegistry(server.url)
  const source = new SourceRegistries(new Map([['*', parseEndpoint(server.url)]]), () => registry)
  assert.deepEqual([...source.rateLimits()], [])
  await source.headManifest(parseReference('a/b:1'))
  assert.deepEqual([...source.rateLimits()], [['docker.io', { limit: 100, remaining: 76, windowSeconds: 21600 }]])
})
