import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { receiveBody } from '../../src/registry-server/receive-body.ts'

/** The request on which the client hangs up before anybody has read its body, once it is gone. */
async function abandoned(server: Server, port: number, body: string): Promise<IncomingMessage> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`PATCH / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n${body}`)
  const [request] = (await once(server, 'request')) as [IncomingMessage]
  request.on('error', () => undefined)
  const closed = new Promise((resolve) => request.on('close', resolve))
  while (request.complete !== (body.length === 3)) await new Promise(setImmediate)
  socket.resetAndDestroy()
  await closed
  return request
}

test('reports a client that left before its body was read, complete or not', { timeout: 20_000 }, async () => {
  await using server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (const body of ['abc', 'ab', '']) {
    const request = await abandoned(server, port, body)
    await assert.rejects(
      receiveBody(request, () => undefined),
      { code: 'CANCELLED' },
      body,
    )
  }
})

test('a body that was read before is at its end', { timeout: 20_000 }, async () => {
  await using server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('PATCH / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc')
  const [request] = (await once(server, 'request')) as [IncomingMessage]
  for (let round = 0; round < 2; round++) await receiveBody(request, () => undefined)
  socket.destroy()
})

test('reports an aborted body after the sink has finished its chunk', async () => {
  await using server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('PATCH / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc')
  const [request] = (await once(server, 'request')) as [IncomingMessage]
  let done: () => void = () => undefined
  let isDone = false
  const taken = new Promise<void>((resolve) => {
    done = resolve
  })
  const received = receiveBody(request, () => {
    socket.resetAndDestroy()
    return taken
  })
  const rejected = assert.rejects(
    received.catch((error: unknown) => {
      assert.ok(isDone, 'the sink was still at work')
      throw error
    }),
    { code: 'CANCELLED' },
  )
  // `once` would reject: the request's error comes before its end.
  await new Promise((resolve) => request.on('close', resolve))
  await new Promise(setImmediate)
  isDone = true
  done()
  await rejected
})
