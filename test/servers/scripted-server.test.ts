import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { certificateAuthority } from './certificates.ts'
import { plainRequest } from './http-request.ts'
import { rawServer, scriptedServer } from './scripted-server.ts'

test('a scripted server answers and remembers what it was asked', async () => {
  await using server = await scriptedServer(async (request, response) => {
    const body = await request.readBody()
    response.writeHead(202, { 'x-index': String(request.index) }).end(body.toString().toUpperCase())
  })
  const first = await plainRequest(`${server.url}/a?b=%2F`, { method: 'PUT', body: 'hello' })
  await plainRequest(`${server.url}/second`)
  assert.equal(first.status, 202)
  assert.equal(first.body.toString(), 'HELLO')
  assert.deepEqual(
    server.requests.map(({ method, url, body }) => [method, url, body.toString()]),
    [
      ['PUT', '/a?b=%2F', 'hello'],
      ['GET', '/second', ''],
    ],
  )
})

test('an answer can come before the body is read', async () => {
  await using server = await scriptedServer((_request, response) => {
    response.writeHead(401).end()
  })
  const { status } = await plainRequest(server.url, { method: 'PUT', body: Buffer.alloc(5_000_000) })
  assert.equal(status, 401)
})

test('a socket can be destroyed in the middle of an answer', async () => {
  await using server = await scriptedServer((request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('half', () => request.socket.destroy())
  })
  await assert.rejects(plainRequest(server.url), /aborted|ECONNRESET/)
})

test('a handler that throws answers 500', async () => {
  await using server = await scriptedServer(() => {
    throw new Error('a slip')
  })
  const { status, body } = await plainRequest(server.url)
  assert.equal(status, 500)
  assert.match(body.toString(), /a slip/)
})

test('accepts TLS only with a trusted authority and a valid certificate', async () => {
  const authority = await certificateAuthority()
  const handler = (_: unknown, response: { end(text: string): void }): void => response.end('ok')
  await using good = await scriptedServer(handler, { tls: await authority.server() })
  await using expired = await scriptedServer(handler, { tls: await authority.server({ expired: true }) })
  const other = await certificateAuthority()
  assert.equal((await plainRequest(good.url, { ca: authority.certificate })).body.toString(), 'ok')
  await assert.rejects(plainRequest(good.url, { ca: other.certificate }), /certificate/)
  await assert.rejects(plainRequest(expired.url, { ca: authority.certificate }), { code: 'CERT_HAS_EXPIRED' })
})

test('a raw server speaks what it likes', async () => {
  await using server = await rawServer((socket, request) => socket.end(`not HTTP: ${request.toString()}`))
  const socket = connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('ping')
  assert.equal(await text(socket), 'not HTTP: ping')
  assert.equal(server.connections, 1)
  await assert.rejects(plainRequest(`http://${server.host}/`), /Parse Error/)
})
