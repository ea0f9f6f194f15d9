import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { readLayout } from '../../src/layout/open-layout.ts'
import { createRegistryServer } from '../../src/registry-server/registry-server.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { startRegistry } from './start-registry.ts'

test('answers 200 to the version check with and without a trailing slash', async () => {
  await using registry = await startRegistry()
  for (const path of ['/v2/', '/v2']) {
    const answer = await registry.call('GET', path)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['docker-distribution-api-version'], 'registry/2.0')
    assert.deepEqual(answer.json(), {})
  }
})

test('answers 405 with Allow for an unsupported method', async () => {
  await using registry = await startRegistry()
  const cases: [string, string, string][] = [
    ['POST', '/v2/', 'GET, HEAD'],
    ['POST', '/v2/a/manifests/v1', 'GET, HEAD, PUT, DELETE'],
    ['PUT', `/v2/a/blobs/sha256:${'0'.repeat(64)}`, 'GET, HEAD, DELETE'],
    ['GET', '/v2/a/blobs/uploads/', 'POST'],
  ]
  for (const [method, path, allow] of cases) {
    const answer = await registry.call(method, path)
    assert.deepEqual([answer.status, answer.code, answer.headers.allow], [405, 'UNSUPPORTED', allow])
  }
})

test('serves reads and refuses every write on a read-only server', async () => {
  await using registry = await startRegistry({ writable: false })
  const cases = [
    ['PUT', '/v2/a/manifests/v1'],
    ['DELETE', '/v2/a/manifests/v1'],
    ['POST', '/v2/a/blobs/uploads/'],
    ['PATCH', '/v2/a/blobs/uploads/x'],
    ['DELETE', `/v2/a/blobs/sha256:${'0'.repeat(64)}`],
  ] as const
  for (const [method, path] of cases) {
    const answer = await registry.call(method, path, { body: 'x' })
    assert.deepEqual([answer.status, answer.code], [405, 'UNSUPPORTED'])
  }
  assert.equal((await registry.call('GET', '/v2/')).status, 200)
})

test('refuses options.writable for a layout that was opened for reading', async () => {
  await using registry = await startRegistry()
  const layout = await readLayout(registry.directory)
  assert.throws(() => createRegistryServer({ layout, writable: true }), { code: 'USAGE' })
})

test('answers 500 without a path for damage on the disk', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a', 'v1', image)
  const { digest, size } = image.root.descriptor
  await writeFile(join(registry.directory, 'blobs', digest.replace(':', '/')), 'x'.repeat(size))
  const answer = await registry.call('GET', '/v2/a/manifests/v1')
  assert.deepEqual([answer.status, answer.code], [500, 'UNKNOWN'])
  assert.ok(!answer.body.toString().includes(registry.directory))
})

test('reports every request once, with its bytes', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  const [layer] = image.blobs
  await registry.push('a', 'v1', image)
  await registry.call('GET', `/v2/a/blobs/${layer?.descriptor.digest}`)
  while (registry.log.length < 4) await new Promise(setImmediate)
  const reported = registry.log.map(({ method, status, bytes, received }) => [method, status, bytes, received])
  assert.deepEqual(reported, [
    ['POST', 201, 0, layer?.bytes.length],
    ['POST', 201, 0, image.blobs[1]?.bytes.length],
    ['PUT', 201, 0, image.root.bytes.length],
    ['GET', 200, layer?.bytes.length, 0],
  ])
  assert.ok(registry.log.every(({ milliseconds }) => milliseconds >= 0))
})

test('idle connections do not delay close', { timeout: 60_000 }, async () => {
  await using registry = await startRegistry()
  const server = createRegistryServer({ layout: registry.layout })
  const { port, url } = await server.listen('127.0.0.1', 0)
  const agent = new Agent({ keepAlive: true })
  const [response] = (await once(get(`${url}/v2/`, { agent }), 'response')) as [IncomingMessage]
  await once(response.resume(), 'end')
  const unused = connect(port, '127.0.0.1').resume()
  await once(unused, 'connect')
  await Promise.all([once(unused, 'close'), server.close({ graceMilliseconds: 600_000 })])
  agent.destroy()
})

test('reports a port in use as LOCAL_IO', async () => {
  await using registry = await startRegistry()
  const server = createRegistryServer({ layout: registry.layout })
  await assert.rejects(server.listen('127.0.0.1', Number(registry.host.split(':')[1])), {
    code: 'LOCAL_IO',
    message: /the port is in use \(EADDRINUSE\)/,
    hint: /another address or port/,
  })
  await server.close()
})
