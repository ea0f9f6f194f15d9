import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { createRegistryServer } from '../../src/registry-server/registry-server.ts'
import { tinyBlob, tinyImage } from '../layout/tiny-image.ts'
import { startRegistry, type TestRegistry } from './start-registry.ts'

const mebibyte = 1024 * 1024
const manifest = '/v2/a/b/manifests/v1'

async function dial(registry: TestRegistry): Promise<Socket> {
  const socket = connect(Number(registry.host.split(':')[1]), '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** Sends a request whole, and reads nothing before all of it is sent; what came until the server closed. */
async function sendThenRead(registry: TestRegistry, head: string, body: Uint8Array): Promise<string> {
  const socket = await dial(registry)
  socket.write(`${head}\r\nhost: x\r\n`)
  await new Promise<void>((resolve, reject) => socket.write(body, (error) => (error ? reject(error) : resolve())))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

function withLength(body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`content-length: ${body.length}\r\n\r\n`), body])
}

function inChunks(body: Uint8Array): Buffer {
  const head = `transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`
  return Buffer.concat([Buffer.from(head), body, Buffer.from('\r\n0\r\n\r\n')])
}

/** What comes until the text has this. */
async function readUntil(socket: Socket, wanted: RegExp): Promise<string> {
  let text = ''
  while (!wanted.test(text)) text += String((await once(socket, 'data'))[0])
  return text
}

test('a refusal reaches a client that sends its whole body before it reads', async () => {
  await using registry = await startRegistry()
  const body = Buffer.alloc(20 * mebibyte, ' ')
  for (const form of [withLength, inChunks]) {
    for (const [head, status, code] of [
      [`PUT ${manifest}`, 413, 'SIZE_INVALID'],
      ['PATCH /v2/a/b/blobs/uploads/00000000-0000-4000-8000-000000000000', 404, 'BLOB_UPLOAD_UNKNOWN'],
      ['POST /v2/a/b/blobs/uploads/?digest=x', 400, 'DIGEST_INVALID'],
    ] as const) {
      const answer = await sendThenRead(registry, `${head} HTTP/1.1`, form(body))
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} [^]*connection: close[^]*"${code}"`, 'i'), head)
      const answered = await fetch(registry.url + head.split(' ')[1], { method: head.split(' ')[0] ?? '', body })
      assert.equal(answered.status, status)
    }
  }
})

test('disconnects a refused client that keeps sending, or that sends nothing', async () => {
  await using registry = await startRegistry()
  const endless = await dial(registry)
  const closed = once(endless, 'close')
  endless.on('error', () => undefined)
  endless.write(`PUT ${manifest} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`)
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(mebibyte, ' '), Buffer.from('\r\n')])
  const answer = readUntil(endless, /SIZE_INVALID/)
  let sent = 0
  while (!endless.destroyed) {
    sent++
    await Promise.race([closed, new Promise((resolve) => endless.write(chunk, resolve))])
  }
  await answer
  assert.ok(sent < 200, `${sent} MiB`)
  const silent = await dial(registry)
  silent.write(`PUT ${manifest} HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n`)
  await readUntil(silent, /SIZE_INVALID/)
  await once(silent, 'close')
})

test('sends 100 Continue only for a body that is read', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v0', image)
  const blob = tinyBlob(Buffer.alloc(70_000))
  for (const [head, body] of [
    [`PUT ${manifest}`, image.root.bytes],
    [`POST /v2/a/b/blobs/uploads/?digest=${blob.descriptor.digest}`, blob.bytes],
  ] as const) {
    const socket = await dial(registry)
    const type = `content-type: ${mediaTypes.ociManifest}`
    socket.write(`${head} HTTP/1.1\r\nhost: x\r\n${type}\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`)
    assert.equal(await readUntil(socket, /\r\n\r\n/), 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write(body)
    assert.match(await readUntil(socket, /\r\n\r\n/), /^HTTP\/1.1 201 /)
    socket.destroy()
  }
  for (const [head, length, status] of [
    [`PUT ${manifest}`, 4 * mebibyte + 1, 413],
    [`PUT /v2/a/b/manifests/sha256:1`, 100, 400],
    ['PUT /v2/a/b/blobs/uploads/x', 100, 404],
    ['POST /v2/', 100, 405],
  ] as const) {
    const socket = await dial(registry)
    socket.write(`${head} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`)
    const answer = await readUntil(socket, /\]\}$/)
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} [^]*connection: close`, 'i'))
    socket.destroy()
  }
})

test('sends no 100 Continue without a password', async () => {
  await using registry = await startRegistry()
  await using server = createRegistryServer({ layout: registry.layout, writable: true, authenticator: { login: async () => 'refused' } })
  const { port } = await server.listen('127.0.0.1', 0)
  const socket = connect(port, '127.0.0.1')
  socket.write(`PUT ${manifest} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n`)
  assert.match(await readUntil(socket, /\r\n\r\n/), /^HTTP\/1.1 401 /)
  socket.destroy()
})

test('serves the next request of a connection after a refusal with a short body', async () => {
  await using registry = await startRegistry()
  const socket = await dial(registry)
  const body = Buffer.alloc(100_000)
  socket.write(`PUT /v2/a/b/manifests/sha256:1 HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`)
  socket.write(body)
  socket.write('GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n')
  assert.match(await readUntil(socket, /\{\}$/), /^HTTP\/1.1 400 [^]*HTTP\/1.1 200 /)
  socket.destroy()
})
