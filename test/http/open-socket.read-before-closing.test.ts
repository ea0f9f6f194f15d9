import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { readBeforeClosing } from '../../src/http/open-socket.ts'
import { rawServer } from '../servers/scripted-server.ts'

test('reads the bytes that arrived before a failed write, then reports the failure', async () => {
  await using server = await rawServer((socket) => socket.write('refused', () => socket.resetAndDestroy()))
  const socket = connect(server.port, '127.0.0.1')
  readBeforeClosing(socket)
  await once(socket, 'connect')
  const heard: string[] = []
  socket.on('data', (bytes: Buffer) => heard.push(bytes.toString()))
  const failed = new Promise((resolve) => socket.once('error', (error: NodeJS.ErrnoException) => resolve(heard.push(error.syscall ?? ''))))
  socket.pause()
  const bytes = Buffer.alloc(1024 * 1024)
  // writes without a turn of the event loop between them never see what the server says
  const write = (): void => {
    const until = performance.now() + 20
    while (performance.now() < until);
    socket.write(bytes, (error) => (error ? undefined : write()))
  }
  write()
  await failed
  assert.equal(heard[0], 'refused')
  assert.equal(socket.destroyed, true)
})

test('closes at once after any other error', async () => {
  await using server = await rawServer(() => undefined)
  const socket = connect(server.port, '127.0.0.1')
  readBeforeClosing(socket)
  await once(socket, 'connect')
  socket.destroy()
  assert.equal(socket.destroyed, true)
})
