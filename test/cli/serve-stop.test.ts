import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop, type Serving } from './serve-cli.ts'

async function open({ url }: Serving): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** Starts an upload of a blob, sends its first half, and waits until the server has the request. */
async function startUpload(running: Serving, body: string): Promise<Socket> {
  const socket = await open(running)
  const head = `POST /v2/a/blobs/uploads/?digest=${sha256(Buffer.from(body))} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`
  socket.write(head)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 100 /)
  socket.write(body.slice(0, body.length / 2))
  return socket
}

async function refuses(running: Serving): Promise<void> {
  for (;;) {
    const socket = connect(Number(new URL(running.url).port), '127.0.0.1')
    const [outcome] = await Promise.race([once(socket, 'connect').then(() => ['open']), once(socket, 'error')]).catch((error: unknown) => [
      error,
    ])
    socket.destroy()
    if ((outcome as NodeJS.ErrnoException).code === 'ECONNREFUSED') return
    await new Promise(setImmediate)
  }
}

test('answers a request in progress after SIGTERM, refuses new connections, and exits with 0', async () => {
  await using directory = await tempDir()
  const running = await serve(`${directory.path}/new`, '--writable')
  const body = 'x'.repeat(1000)
  const socket = await startUpload(running, body)
  running.child.kill('SIGTERM')
  await refuses(running)
  socket.write(body.slice(body.length / 2))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 201 [^]*\r\nconnection: close\r\n/i)
  const { status, signal } = await running.finished
  assert.deepEqual([status, signal], [0, null])
})

test('connections without a request do not delay the end', async () => {
  await using directory = await tempDir()
  const running = await serve(`${directory.path}/new`, '--writable')
  const socket = await open(running)
  const closed = once(socket, 'close')
  socket.resume()
  assert.equal((await stop(running)).status, 0)
  await closed
})

test('aborts a request that does not end after the grace period, and exits with 0', async () => {
  await using directory = await tempDir()
  const running = await serve(`${directory.path}/new`, '--writable')
  const socket = await startUpload(running, 'x'.repeat(1000))
  socket.on('error', () => undefined)
  const start = performance.now()
  running.child.kill('SIGINT')
  const { status } = await running.finished
  // without an end of its own it would be ended with 130
  assert.equal(status, 0)
  assert.ok(performance.now() - start > 2500)
})

test('a second signal ends at once', async () => {
  await using directory = await tempDir()
  const running = await serve(`${directory.path}/new`, '--writable')
  const socket = await startUpload(running, 'x'.repeat(1000))
  socket.on('error', () => undefined)
  running.child.kill('SIGTERM')
  await refuses(running)
  // One that comes at once counts as the first, so it is sent until the process has gone.
  const again = setInterval(() => running.child.kill('SIGTERM'), 50)
  const { status } = await running.finished
  clearInterval(again)
  // one that waits for the request ends with 0
  assert.equal(status, 143)
})
