import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ConnectionPool } from '../../src/http/connection-pool.ts'
import { rawServer } from '../servers/scripted-server.ts'
import { openClient } from './open-client.ts'

function pool(host: string): ConnectionPool & Disposable {
  const opened = new ConnectionPool({ origin: new URL(`http://${host}`), tls: undefined, proxy: undefined })
  return Object.assign(opened, { [Symbol.dispose]: () => opened.close() })
}

test('the connection that was used last is taken first, a closed one never', async () => {
  await using server = await rawServer(() => undefined)
  using connections = pool(server.host)
  const [first, second] = await Promise.all([connections.take(), connections.take()])
  assert.deepEqual([first.reused, second.reused], [false, false])
  connections.give(first.connection)
  connections.give(second.connection)
  assert.deepEqual(await connections.take(), { connection: second.connection, reused: true })
  connections.give(second.connection)
  second.connection.destroy()
  assert.equal((await connections.take()).connection, first.connection)
  first.connection.destroy()
  connections.give(first.connection)
  assert.equal((await connections.take()).reused, false)
})

test('an unused connection is closed before the server would do it', async (t) => {
  await using server = await rawServer(() => undefined)
  using connections = pool(server.host)
  const { connection } = await connections.take()
  t.mock.timers.enable({ apis: ['setTimeout'] })
  connections.give(connection)
  t.mock.timers.tick(3999)
  assert.equal(connection.closed, false)
  t.mock.timers.tick(1)
  assert.equal(connection.closed, true)
})

test('closing closes idle and busy connections, and those that are on their way', async () => {
  const sockets: Socket[] = []
  await using server = await rawServer((socket) => void sockets.push(socket))
  const connections = pool(server.host)
  const idle = await connections.take()
  const busy = await connections.take()
  const opening = connections.take()
  connections.give(idle.connection)
  connections.close()
  assert.deepEqual([idle.connection.closed, busy.connection.closed, (await opening).connection.closed], [true, true, true])
})

test('closing a client ends what is under way, and nothing is sent afterwards', async () => {
  const sockets: Socket[] = []
  await using server = await rawServer((socket) => void sockets.push(socket))
  await using client = openClient()
  const url = new URL(`http://${server.host}/`)
  const running = assert.rejects(client.requestNow({ method: 'GET', url }), { code: 'CONNECTION_LOST' })
  while (sockets.length === 0) await turn()
  const [socket] = sockets
  assert.ok(socket)
  const closed = once(socket, 'close')
  await client.close()
  await running
  await closed
  await assert.rejects(client.requestNow({ method: 'GET', url }), { code: 'CANCELLED' })
  await assert.rejects(client.request({ method: 'GET', url }), { code: 'CANCELLED' })
  assert.equal(server.connections, 1)
})
