import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { openLayout } from '../../src/layout/open-layout.ts'
import { OpenUploads } from '../../src/registry-server/open-uploads.ts'
import { tinyBlob } from '../layout/tiny-image.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { checkStored, leftovers, openUpload, uploads } from './open-upload.ts'
import { callUrl, startRegistry, type TestRegistry } from './start-registry.ts'

/** Sends the beginning of a request and breaks the connection once the server has taken all of it. */
async function breakOff(registry: TestRegistry, method: string, path: string, bytes: Uint8Array, length: number): Promise<void> {
  const seen = registry.log.length
  const socket = connect(Number(registry.host.split(':')[1]), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`)
  await new Promise((resolve) => socket.write(bytes, resolve))
  socket.resetAndDestroy()
  while (registry.log.length === seen) await new Promise(setImmediate)
  assert.equal(registry.log.at(-1)?.status, 499, 'no fault of the server')
}

for (const method of ['PATCH', 'PUT']) {
  test(`resumes a ${method} that a client aborted from the bytes that arrived`, async () => {
    await using registry = await startRegistry()
    const { bytes, descriptor } = tinyBlob(randomBytes(400_000))
    const query = `?digest=${descriptor.digest}`
    for (const first of [0, 50_000]) {
      const location = await openUpload(registry)
      if (first > 0) assert.equal((await registry.call('PATCH', location, { body: bytes.subarray(0, first) })).status, 202)
      await breakOff(registry, method, location + query, bytes.subarray(first, 100_000), bytes.length - first)
      const status = await registry.call('GET', location)
      assert.equal(status.status, 204)
      const last = Number(status.headers.range?.split('-')[1])
      const start = last === 0 ? 0 : last + 1
      assert.ok(start >= first && start <= 100_000, `${start}`)
      const headers = { 'content-range': `${start}-${bytes.length - 1}` }
      await checkStored(
        registry,
        await registry.call('PUT', location + query, { body: bytes.subarray(start), headers }),
        bytes,
        descriptor.digest,
      )
      await registry.layout.deleteBlob(descriptor.digest)
    }
  })
}

test('leaves nothing of an aborted POST with the whole blob', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(400_000))
  await breakOff(registry, 'POST', `${uploads}?digest=${descriptor.digest}`, bytes.subarray(0, 100_000), bytes.length)
  assert.deepEqual(await leftovers(registry), [])
})

test('refuses a second writer of one upload', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  const location = await openUpload(registry)
  const socket = connect(Number(registry.host.split(':')[1]), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`PATCH ${location} HTTP/1.1\r\nhost: x\r\ncontent-length: 3000\r\n\r\n`)
  socket.write(bytes.subarray(0, 10))
  while ((await registry.call('GET', location)).headers.range !== '0-9') await new Promise(setImmediate)
  for (const method of ['PATCH', 'PUT']) {
    const refused = await registry.call(method, `${location}?digest=${descriptor.digest}`, { body: 'other' })
    assert.deepEqual([refused.status, refused.code], [400, 'BLOB_UPLOAD_INVALID'])
  }
  socket.write(bytes.subarray(10))
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 202 /)
  socket.destroy()
  await checkStored(registry, await registry.call('PUT', `${location}?digest=${descriptor.digest}`), bytes, descriptor.digest)
})

test('an upload that is cancelled during a write is unknown to the writer', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  for (const method of ['PATCH', 'PUT']) {
    const location = await openUpload(registry)
    const socket = connect(Number(registry.host.split(':')[1]), '127.0.0.1')
    await once(socket, 'connect')
    socket.write(`${method} ${location}?digest=${descriptor.digest} HTTP/1.1\r\nhost: x\r\ncontent-length: 3000\r\n\r\n`)
    socket.write(bytes.subarray(0, 10))
    while ((await registry.call('GET', location)).headers.range !== '0-9') await new Promise(setImmediate)
    assert.equal((await registry.call('DELETE', location)).status, 204)
    socket.write(bytes.subarray(10))
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 404 [^]*BLOB_UPLOAD_UNKNOWN/)
    socket.destroy()
  }
  assert.deepEqual(await leftovers(registry), [])
})

test('releases an idle upload after an hour for the next request, whatever its last request does', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  await using dir = await tempDir()
  await using layout = await openLayout(dir.path, { durable: false })
  const sessions = new OpenUploads()
  for (const isBusy of [false, true]) {
    const session = await sessions.open(layout, 'a/b', { algorithm: 'sha256', client: '::1' })
    assert.ok(session !== undefined)
    session.isBusy = isBusy
    await session.writer.write(Buffer.from('abc'))
    now += 59 * 60_000
    t.mock.timers.tick(60_000)
    assert.equal(await sessions.find(layout, 'a/b', session.id), session)
    now += 60 * 60_000
    t.mock.timers.tick(60_000)
    const next = await sessions.find(layout, 'a/b', session.id)
    assert.notEqual(next, session)
    assert.deepEqual([next?.isBusy, next?.writer.size], [false, 3])
  }
  await sessions.close()
})

test('stores a blob that is uploaded many times at once', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(700_000))
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => registry.call('POST', `${uploads}?digest=${descriptor.digest}`, { body: bytes })),
  )
  for (const answer of answers) assert.equal(answer.status, 201)
  assert.equal(await registry.layout.verifyBlob(descriptor.digest), true)
  assert.deepEqual(await leftovers(registry), [])
})

test('close waits for requests in progress', async () => {
  await using registry = await startRegistry()
  const { createRegistryServer } = await import('../../src/registry-server/registry-server.ts')
  const server = createRegistryServer({ layout: registry.layout, writable: true })
  const { port } = await server.listen('127.0.0.1', 0)
  const { bytes, descriptor } = tinyBlob(randomBytes(2000))
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`POST ${uploads}?digest=${descriptor.digest} HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n`)
  while ((await leftovers(registry)).length === 0) await new Promise(setImmediate)
  const closed = server.close()
  socket.write(bytes)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 201 /)
  await closed
  assert.equal(await registry.layout.verifyBlob(descriptor.digest), true)
})

test('resumes an upload at the next server from the bytes that the first one had', async () => {
  await using registry = await startRegistry()
  const { layout } = registry
  const { createRegistryServer } = await import('../../src/registry-server/registry-server.ts')
  const { bytes, descriptor } = tinyBlob(randomBytes(1_300_001))
  await using first = createRegistryServer({ layout, writable: true })
  const { url } = await first.listen('127.0.0.1', 0)
  const opened = await callUrl(url, 'POST', uploads)
  const location = opened.headers.location ?? ''
  assert.equal((await callUrl(url, 'PATCH', location, { body: bytes.subarray(0, 700_001) })).status, 202)
  // While one server has it, no other writes to it.
  assert.equal((await registry.call('GET', location)).status, 404)
  await first.close()
  await assert.rejects(fetch(`${url}/v2/`))
  const statuses = await Promise.all([1, 2, 3].map(() => registry.call('GET', location)))
  for (const { status, headers } of statuses) assert.deepEqual([status, headers.range], [204, '0-700000'])
  assert.equal((await registry.call('GET', location.replace('/a/b/', '/a/c/'))).status, 404)
  const headers = { 'content-range': '700001-1300000' }
  const last = { body: bytes.subarray(700_001), headers }
  await checkStored(registry, await registry.call('PUT', `${location}?digest=${descriptor.digest}`, last), bytes, descriptor.digest)
})

test('hashes a resumed upload from its first byte, refuses a wrong digest, and forgets a cancelled one', async () => {
  await using registry = await startRegistry()
  const { createRegistryServer } = await import('../../src/registry-server/registry-server.ts')
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  await using first = createRegistryServer({ layout: registry.layout, writable: true })
  const { url } = await first.listen('127.0.0.1', 0)
  const started = async (body: Uint8Array): Promise<string> => {
    const location = (await callUrl(url, 'POST', uploads)).headers.location ?? ''
    await callUrl(url, 'PATCH', location, { body })
    return location
  }
  const wrong = await started(Buffer.alloc(1000))
  const cancelled = await started(bytes.subarray(0, 1000))
  const empty = await started(Buffer.alloc(0))
  await first.close()
  assert.equal((await leftovers(registry)).length, 3)
  const query = `?digest=${descriptor.digest}`
  assert.equal((await registry.call('PUT', wrong + query, { body: bytes.subarray(1000) })).code, 'DIGEST_INVALID')
  assert.equal((await registry.call('HEAD', `/v2/a/b/blobs/${descriptor.digest}`)).status, 404)
  assert.equal((await registry.call('DELETE', cancelled)).status, 204)
  assert.equal((await registry.call('GET', cancelled)).status, 404)
  await checkStored(registry, await registry.call('PUT', empty + query, { body: bytes }), bytes, descriptor.digest)
})
