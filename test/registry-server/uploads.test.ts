import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { tinyBlob } from '../layout/tiny-image.ts'
import { callUrl, startRegistry, type Answer, type TestRegistry } from './start-registry.ts'

const uploads = '/v2/a/b/blobs/uploads/'

async function open(registry: TestRegistry): Promise<string> {
  const answer = await registry.call('POST', uploads)
  assert.equal(answer.status, 202)
  assert.equal(answer.headers.range, '0-0')
  return answer.headers.location ?? ''
}

async function leftovers(registry: TestRegistry): Promise<string[]> {
  return readdir(join(registry.directory, '.k3s-mirror/uploads'))
}

async function checkStored(registry: TestRegistry, answer: Answer, bytes: Uint8Array, digest: string): Promise<void> {
  assert.equal(answer.status, 201, answer.body.toString())
  assert.equal(answer.headers['docker-content-digest'], digest)
  const got = await registry.call('GET', answer.headers.location ?? '')
  assert.ok(got.body.equals(bytes))
  assert.deepEqual(await leftovers(registry), [])
}

for (const algorithm of ['sha256', 'sha512']) {
  for (const size of [0, 2, 3067, 1_500_000]) {
    const bytes = randomBytes(size)
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`

    test(`${size} bytes arrive in every way an upload can take, with ${algorithm}`, async () => {
      await using registry = await startRegistry()
      const stored = (answer: Answer): Promise<void> => checkStored(registry, answer, bytes, digest)
      await stored(await registry.call('POST', `${uploads}?digest=${digest}`, { body: bytes }))
      await stored(await registry.call('PUT', `${await open(registry)}?digest=${digest}`, { body: bytes }))

      const streamed = await open(registry)
      assert.equal((await registry.call('PATCH', streamed, { body: bytes, isChunked: true })).status, 202)
      await stored(await registry.call('PUT', `${streamed}?digest=${digest}`))

      for (const isLastWithPut of [false, true]) {
        const location = await open(registry)
        const step = Math.floor(size / 3) + 1
        let at = 0
        for (; at < size - (isLastWithPut ? step : 0); at += step) {
          const chunk = bytes.subarray(at, at + step)
          const range = `${at}-${at + chunk.length - 1}`
          const patched = await registry.call('PATCH', location, { body: chunk, headers: { 'content-range': range } })
          assert.equal(patched.status, 202)
          assert.equal(patched.headers.range, `0-${at + chunk.length - 1}`)
          const status = await registry.call('GET', patched.headers.location ?? '')
          assert.deepEqual([status.status, status.headers.range], [204, `0-${at + chunk.length - 1}`])
        }
        const rest = bytes.subarray(at)
        const headers = rest.length === 0 ? {} : { 'content-range': `${at}-${size - 1}` }
        await stored(await registry.call('PUT', `${location}?digest=${digest}`, { body: rest, headers }))
      }
    })
  }
}

test('a chunk out of order is 416, and the upload can go on where it stands', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  const location = await open(registry)
  const chunk = (start: number, end: number): { body: Uint8Array; headers: Record<string, string> } => ({
    body: bytes.subarray(start, end),
    headers: { 'content-range': `${start}-${end - 1}` },
  })
  assert.equal((await registry.call('PATCH', location, chunk(1000, 2000))).status, 416)
  assert.equal((await registry.call('PATCH', location, chunk(0, 1000))).status, 202)
  for (const method of ['PATCH', 'PUT']) {
    const refused = await registry.call(method, `${location}?digest=${descriptor.digest}`, chunk(2000, 3000))
    assert.equal(refused.status, 416)
    assert.equal(refused.headers.range, '0-999')
    assert.equal(refused.headers.location, location)
  }
  assert.equal((await registry.call('PATCH', location, { body: 'xx', headers: { 'content-range': 'nonsense' } })).status, 400)
  assert.equal((await registry.call('PATCH', location, { body: 'xx', headers: { 'content-range': '1000-1005' } })).code, 'SIZE_INVALID')
  assert.equal((await registry.call('PATCH', location, chunk(1000, 2000))).status, 202)
  await checkStored(
    registry,
    await registry.call('PUT', `${location}?digest=${descriptor.digest}`, chunk(2000, 3000)),
    bytes,
    descriptor.digest,
  )
})

test('bytes of another digest are refused in every way, and end the upload', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  const wrong = Buffer.concat([bytes, Buffer.from('oh no')])
  const query = `?digest=${descriptor.digest}`
  const single = await registry.call('POST', uploads + query, { body: wrong })
  assert.deepEqual([single.status, single.code], [400, 'DIGEST_INVALID'])
  for (const isPatched of [false, true]) {
    const location = await open(registry)
    if (isPatched) await registry.call('PATCH', location, { body: wrong })
    const answer = await registry.call('PUT', location + query, { body: isPatched ? '' : wrong })
    assert.deepEqual([answer.status, answer.code], [400, 'DIGEST_INVALID'])
    const after = await registry.call('GET', location)
    assert.deepEqual([after.status, after.code], [404, 'BLOB_UPLOAD_UNKNOWN'])
  }
  assert.equal((await registry.call('HEAD', `/v2/a/b/blobs/${descriptor.digest}`)).status, 404)
  assert.deepEqual(await leftovers(registry), [])
  const location = await open(registry)
  assert.equal((await registry.call('PUT', location, { body: bytes })).code, 'DIGEST_INVALID')
  assert.equal((await registry.call('PUT', `${location}?digest=sha256:1`, { body: bytes })).code, 'DIGEST_INVALID')
  assert.equal((await registry.call('POST', `${uploads}?digest=sha256:1`, { body: bytes })).code, 'DIGEST_INVALID')
})

test('an upload is opened for sha256 and sha512, and for no other algorithm', async () => {
  await using registry = await startRegistry()
  for (const algorithm of ['sha384', 'SHA512', '', 'x'.repeat(3000)]) {
    const refused = await registry.call('POST', `${uploads}?digest-algorithm=${algorithm}`)
    assert.deepEqual([refused.status, refused.code], [400, 'DIGEST_INVALID'], algorithm)
  }
  assert.deepEqual(await leftovers(registry), [])
  const bytes = randomBytes(3000)
  for (const announced of ['sha256', 'sha512']) {
    for (const algorithm of ['sha256', 'sha512']) {
      const { status, headers } = await registry.call('POST', `${uploads}?digest-algorithm=${announced}`)
      assert.equal(status, 202)
      const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
      await checkStored(registry, await registry.call('PUT', `${headers.location}?digest=${digest}`, { body: bytes }), bytes, digest)
    }
  }
})

test('a mount is 201 when the blob is here, with or without `from`, and opens an upload when it is not', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(300))
  const mount = `/v2/c/blobs/uploads/?mount=${descriptor.digest}`
  const missing = await registry.call('POST', `${mount}&from=a/b`)
  assert.equal(missing.status, 202)
  await checkStored(
    registry,
    await registry.call('PUT', `${missing.headers.location}?digest=${descriptor.digest}`, { body: bytes }),
    bytes,
    descriptor.digest,
  )
  for (const query of ['&from=a/b', '']) await checkStored(registry, await registry.call('POST', mount + query), bytes, descriptor.digest)
  assert.equal((await registry.call('POST', '/v2/c/blobs/uploads/?mount=nonsense')).status, 400)
})

test('an upload is cancelled, known only to its repository, and unknown afterwards', async () => {
  await using registry = await startRegistry()
  const location = await open(registry)
  const elsewhere = location.replace('/a/b/', '/a/c/')
  for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
    for (const path of [elsewhere, `${uploads}00000000-0000-0000-0000-000000000000`, `${uploads}..`]) {
      const answer = await registry.call(method, path)
      assert.deepEqual([answer.status, answer.code], [404, 'BLOB_UPLOAD_UNKNOWN'])
    }
  }
  assert.equal((await leftovers(registry)).length, 1)
  assert.equal((await registry.call('DELETE', location)).status, 204)
  assert.equal((await registry.call('DELETE', location)).status, 404)
  assert.deepEqual(await leftovers(registry), [])
})

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
  test(`a client that breaks off a ${method} goes on from what arrived`, async () => {
    await using registry = await startRegistry()
    const { bytes, descriptor } = tinyBlob(randomBytes(400_000))
    const query = `?digest=${descriptor.digest}`
    for (const first of [0, 50_000]) {
      const location = await open(registry)
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

test('a client that breaks off a POST with the whole blob leaves nothing', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(400_000))
  await breakOff(registry, 'POST', `${uploads}?digest=${descriptor.digest}`, bytes.subarray(0, 100_000), bytes.length)
  assert.deepEqual(await leftovers(registry), [])
})

test('a PUT with what is no digest, or one of another algorithm, leaves the upload as it was', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  const location = await open(registry)
  assert.equal((await registry.call('PATCH', location, { body: bytes.subarray(0, 1000) })).status, 202)
  const sha384 = `sha384:${createHash('sha384').update(bytes).digest('hex')}`
  for (const query of ['', '?digest=', '?digest=sha256:1', '?digest=nonsense', `?digest=${sha384}`]) {
    const refused = await registry.call('PUT', location + query, { body: bytes.subarray(1000) })
    assert.deepEqual([refused.status, refused.code], [400, 'DIGEST_INVALID'], query)
    const status = await registry.call('GET', location)
    assert.deepEqual([status.status, status.headers.range], [204, '0-999'], query)
  }
  const put = await registry.call('PUT', `${location}?digest=${descriptor.digest}`, { body: bytes.subarray(1000) })
  await checkStored(registry, put, bytes, descriptor.digest)
})

test('two requests cannot write to one upload at once', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  const location = await open(registry)
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

test('one blob uploaded many times at once is stored', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(700_000))
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => registry.call('POST', `${uploads}?digest=${descriptor.digest}`, { body: bytes })),
  )
  for (const answer of answers) assert.equal(answer.status, 201)
  assert.equal(await registry.layout.verifyBlob(descriptor.digest), true)
  assert.deepEqual(await leftovers(registry), [])
})

test('closing the server lets the requests under way finish', async () => {
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

test('an upload goes on at the next server, from what the first had when it was closed', async () => {
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

test('an upload that goes on is hashed from its first byte: wrong ones are refused, cancelled ones are gone', async () => {
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
