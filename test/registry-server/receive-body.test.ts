import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { receiveBody } from '../../src/registry-server/receive-body.ts'

test('a body that breaks off is reported once the sink is done with what it took', async () => {
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
