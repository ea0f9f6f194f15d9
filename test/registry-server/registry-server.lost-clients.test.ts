import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { contentOf } from '../../src/async/content.ts'
import { MirrorError } from '../../src/errors.ts'
import { createRegistryServer, type RegistryServerOptions } from '../../src/registry-server/registry-server.ts'
import { tinyBlob } from '../layout/tiny-image.ts'
import { listen } from '../servers/listen.ts'
import { openFilesOf } from '../servers/open-files.ts'
import { dial, head, readUntil, sendAndReset } from '../servers/rude-clients.ts'
import { until } from '../servers/until.ts'
import { leftovers, openUpload, uploads } from './open-upload.ts'
import { callUrl, startRegistry, type TestRegistry } from './start-registry.ts'

const timeout = 20_000

/** Stores a blob and gives its path. */
async function store(registry: TestRegistry, size: number): Promise<string> {
  const { bytes, descriptor } = tinyBlob(randomBytes(size))
  assert.equal((await registry.call('POST', `${uploads}?digest=${descriptor.digest}`, { body: bytes })).status, 201)
  return `/v2/a/b/blobs/${descriptor.digest}`
}

/** The same registry behind a server of the test, which sees its connections and answers. */
async function serveOpenly(
  options: RegistryServerOptions,
): Promise<
  { readonly url: string; readonly last: () => { readonly socket: Socket; readonly response: ServerResponse } } & AsyncDisposable
> {
  const registry = createRegistryServer(options)
  let last: { readonly socket: Socket; readonly response: ServerResponse } | undefined
  const { port, close } = await listen(
    createServer((request, response) => {
      last = { socket: request.socket, response }
      registry.handle(request, response)
    }),
  )
  return {
    url: `http://127.0.0.1:${port}`,
    last: () => {
      assert.ok(last !== undefined)
      return last
    },
    async [Symbol.asyncDispose]() {
      await close()
      await registry[Symbol.asyncDispose]()
    },
  }
}

test('ends a download when its connection is lost, even before Node reports it', { timeout }, async () => {
  await using registry = await startRegistry()
  const path = await store(registry, 1000)
  const { layout } = registry
  let outcome: Promise<void> | undefined
  layout.readBlob = () =>
    Promise.resolve({
      ...contentOf(Buffer.alloc(1000)),
      read: (sink) => {
        outcome = (async () => {
          await sink(Buffer.alloc(400))
          server.last().socket.destroy()
          await sink(Buffer.alloc(400))
        })()
        return outcome
      },
    })
  await using server = await serveOpenly({ layout })
  await sendAndReset(server.url, [head('GET', path)])
  await until(() => outcome !== undefined)
  await assert.rejects(outcome ?? Promise.resolve(), { code: 'CANCELLED' })
})

test('closes the files of downloads whose clients reset the connection', { timeout }, async () => {
  await using registry = await startRegistry()
  const path = await store(registry, 8 * 1024 * 1024)
  await Promise.all(Array.from({ length: 40 }, () => sendAndReset(registry.url, [head('GET', path)])))
  // Pipelined requests wait behind a response that the client does not read.
  await Promise.all(Array.from({ length: 5 }, () => sendAndReset(registry.url, [head('GET', path).repeat(10)])))
  await until(async () => (await openFilesOf(`${registry.directory}/blobs`)).length === 0)
  await until(() => registry.log.length === 91)
})

test('answers pipelined requests one after another, with at most one open file', { timeout }, async () => {
  await using registry = await startRegistry()
  const path = await store(registry, 1024 * 1024)
  const socket = await dial(registry.url)
  const count = 20
  socket.write(head('GET', path).repeat(count))
  let most = 0
  let received = 0
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  await until(async () => {
    most = Math.max(most, (await openFilesOf(`${registry.directory}/blobs`)).length)
    return received >= count * 1024 * 1024 && registry.log.length === count + 1
  })
  assert.equal(most, 1)
  socket.write(head('GET', '/v2/'))
  assert.match(await readUntil(socket, /\{\}$/), /^HTTP\/1\.1 200 /)
  socket.destroy()
})

test('closes only the connection of a client that pipelines hundreds of requests', { timeout }, async () => {
  await using registry = await startRegistry()
  const path = await store(registry, 16 * 1024 * 1024)
  const socket = await dial(registry.url)
  socket.on('error', () => undefined)
  // The client does not read the first response, so all others wait for it.
  socket.pause()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(head('GET', path))
  for (let sent = 0; sent < 1000; sent++) socket.write(head('GET', '/healthz'))
  await until(async () => (await openFilesOf(`${registry.directory}/blobs`)).length === 0 && registry.log.length > 64)
  socket.resume()
  await closed
  assert.equal((await registry.call('GET', '/v2/')).status, 200)
})

test('keeps an upload whose client left during the password check after it sent its whole body', { timeout }, async () => {
  await using registry = await startRegistry()
  let letIn: () => void = () => undefined
  let isAsked = false
  const login = (): Promise<{ readonly user: string }> =>
    new Promise((resolve) => {
      isAsked = true
      letIn = () => resolve({ user: 'ann' })
    })
  await using server = await serveOpenly({ layout: registry.layout, writable: true, authenticator: { login } })
  const opened = callUrl(server.url, 'POST', uploads)
  await until(() => isAsked)
  letIn()
  const location = (await opened).headers.location ?? ''
  for (const [method, path, body] of [
    ['PATCH', location, 'abc'],
    ['PUT', `${location}?digest=sha256:${'0'.repeat(64)}`, 'abc'],
    ['POST', `${uploads}?digest=sha256:${'0'.repeat(64)}`, 'abc'],
    ['POST', uploads, ''],
    ['PUT', '/v2/a/b/manifests/x', '{}'],
  ] as const) {
    isAsked = false
    const socket = await dial(server.url)
    socket.write(head(method, path, { 'content-length': body.length }) + body)
    await until(() => isAsked)
    const lost = server.last()
    socket.resetAndDestroy()
    await until(() => lost.response.destroyed)
    letIn()
    // Of the upload whose name the client knows the file stays, of all others nothing.
    await until(async () => (await leftovers(registry)).length === 1)
  }
  assert.deepEqual(await openFilesOf(`${registry.directory}/.k3s-mirror/uploads`), [])
  isAsked = false
  const status = callUrl(server.url, 'PATCH', location, { body: 'def' })
  await until(() => isAsked)
  letIn()
  assert.deepEqual([(await status).status, (await status).headers.range], [202, '0-2'])
})

test('serves the next request of a connection after an upload was cancelled during its body', { timeout }, async () => {
  await using registry = await startRegistry()
  const length = 1024 * 1024
  for (const method of ['PATCH', 'PUT']) {
    const location = await openUpload(registry)
    const socket = await dial(registry.url)
    socket.write(head(method, `${location}?digest=sha256:${'0'.repeat(64)}`, { 'content-length': length }))
    socket.write(Buffer.alloc(10))
    await until(async () => (await registry.call('GET', location)).headers.range === '0-9')
    assert.equal((await registry.call('DELETE', location)).status, 204)
    socket.write(Buffer.alloc(length - 10))
    assert.match(await readUntil(socket, /\]\}$/), /^HTTP\/1\.1 404 [^]*BLOB_UPLOAD_UNKNOWN/)
    socket.write(head('GET', '/v2/'))
    assert.match(await readUntil(socket, /\{\}$/), /^HTTP\/1\.1 200 /)
    socket.destroy()
  }
})

test('serves the next request of a connection after an upload that filled the disk', { timeout }, async () => {
  await using registry = await startRegistry()
  const { layout } = registry
  const cause = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  layout.startBlob = async () => ({
    size: 0,
    write: () => Promise.reject(new MirrorError('LOCAL_IO', 'cannot write', { cause })),
    commit: () => Promise.resolve(),
    flush: () => Promise.resolve(),
    suspend: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  })
  const length = 1024 * 1024
  const socket = await dial(registry.url)
  for (let round = 0; round < 2; round++) {
    socket.write(head('POST', `${uploads}?digest=sha256:${'0'.repeat(64)}`, { 'content-length': length }))
    socket.write(Buffer.alloc(length))
    assert.match(await readUntil(socket, /\]\}$/), /^HTTP\/1\.1 507 /)
    socket.write(head('GET', '/v2/'))
    assert.match(await readUntil(socket, /\{\}$/), /^HTTP\/1\.1 200 /)
  }
  socket.destroy()
})
