import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turn, setTimeout as after } from 'node:timers/promises'
import { contentOf, type Content } from '../../src/async/content.ts'
import { Connection } from '../../src/http/connection.ts'
import { WireError } from '../../src/http/network-error.ts'
import { listen } from '../servers/listen.ts'
import { rawServer, scriptedServer } from '../servers/scripted-server.ts'
import { repeated } from './open-client.ts'

const get = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'
const head = 'HEAD / HTTP/1.1\r\nhost: x\r\n\r\n'

function put(size: number): string {
  return `PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\n\r\n`
}

/** A connection that is destroyed with its scope. */
async function open(url: string): Promise<{ connection: Connection } & AsyncDisposable> {
  const connection = await Connection.open({ origin: new URL(url), tls: undefined, proxy: undefined })
  return { connection, [Symbol.asyncDispose]: () => Promise.resolve(connection.destroy()) }
}

async function bodyOf(connection: Connection): Promise<string> {
  const chunks: Buffer[] = []
  await connection.readBody((chunk) => void chunks.push(Buffer.from(chunk)))
  return Buffer.concat(chunks).toString('latin1')
}

/** Runs the test's part when the server has read `size` bytes of the request. */
function whenRead(socket: Socket, first: Buffer, size: number): Promise<void> {
  let read = first.length
  return new Promise((resolve) => {
    if (read >= size) resolve()
    socket.on('data', (bytes) => {
      read += bytes.length
      if (read >= size) resolve()
    })
  })
}

test('sends requests over one connection one after the other', async () => {
  await using server = await scriptedServer((request, response) => void response.end(`answer ${request.index}`))
  await using opened = await open(server.url)
  for (const index of [0, 1, 2]) {
    const { status } = await opened.connection.request(get, { isHead: false })
    assert.equal(status, 200)
    assert.equal(await bodyOf(opened.connection), `answer ${index}`)
    assert.equal(opened.connection.closed, false)
    assert.equal(opened.connection.waiting, 'nothing')
  }
  assert.equal(server.connections, 1)
})

test('skips interim answers', async () => {
  await using server = await rawServer((socket) =>
    socket.write(
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    ),
  )
  await using opened = await open(`http://${server.host}`)
  assert.equal((await opened.connection.request(get, { isHead: false })).status, 200)
  assert.equal(await bodyOf(opened.connection), 'ok')
})

test('reads an answer without a length until the connection closes', async () => {
  await using server = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nall there is'))
  await using opened = await open(`http://${server.host}`)
  assert.equal((await opened.connection.request(get, { isHead: false })).length, 'close')
  assert.equal(await bodyOf(opened.connection), 'all there is')
  assert.equal(opened.connection.closed, true)
})

for (const [name, answer] of [
  ['a body of a stated length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
  ['a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ['a chunked body without its last line', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n'],
  ['a head', 'HTTP/1.1 200 OK\r\nContent-'],
] as const) {
  for (const how of ['end', 'resetAndDestroy'] as const) {
    test(`rejects ${name} that is cut off (${how})`, async () => {
      await using server = await rawServer((socket) => {
        socket.write(answer, () => (how === 'end' ? socket.end() : setImmediate(() => socket.resetAndDestroy())))
      })
      await using opened = await open(`http://${server.host}`)
      const reading = opened.connection.request(get, { isHead: false }).then(() => bodyOf(opened.connection))
      await assert.rejects(
        reading,
        (error: { kind?: string; code?: string }) => error.kind === 'CONNECTION_LOST' || error.code === 'ECONNRESET',
      )
      assert.equal(opened.connection.closed, true)
    })
  }
}

test('rejects an answer from a server that sends bytes before the request', async () => {
  const banner = await listen(createServer((socket) => void socket.on('error', () => undefined).write('220 mail ready\r\n')))
  try {
    const { connection } = await open(`http://127.0.0.1:${banner.port}`)
    await assert.rejects(connection.request(get, { isHead: false }), { kind: 'PROTOCOL' })
  } finally {
    await banner.close()
  }
})

test('discards an answer that arrived before the request', async () => {
  const sockets: Socket[] = []
  const server = await listen(createServer((socket) => void sockets.push(socket)))
  const { connection } = await open(`http://127.0.0.1:${server.port}`)
  while (sockets.length === 0) await turn()
  sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
  while (!connection.heard) await turn()
  assert.equal(connection.closed, true)
  await assert.rejects(connection.request(get, { isHead: false }), { kind: 'PROTOCOL', message: /unexpected bytes/ })
  await server.close()
})

test('closes an idle connection that receives bytes, and does not use them as an answer', async () => {
  let peer: Socket | undefined
  await using server = await rawServer((socket) => {
    peer = socket
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  await using opened = await open(`http://${server.host}`)
  await opened.connection.request(get, { isHead: false })
  assert.equal(await bodyOf(opened.connection), 'ok')
  assert.equal(opened.connection.closed, false)
  peer?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
  while (!opened.connection.closed) await turn()
  await assert.rejects(opened.connection.request(get, { isHead: false }), { kind: 'PROTOCOL' })
})

for (const [name, request, isHead, answer, body] of [
  ['an answer', get, false, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil', 'ok'],
  ['the answer to a HEAD', head, true, 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody', ''],
  ['an answer without a body', get, false, 'HTTP/1.1 204 No Content\r\n\r\nbody', ''],
] as const) {
  test(`closes the connection but keeps the answer when bytes follow the end of ${name}`, async () => {
    await using server = await rawServer((socket) => socket.write(answer))
    await using opened = await open(`http://${server.host}`)
    const { status } = await opened.connection.request(request, { isHead })
    assert.ok(status === 200 || status === 204)
    assert.equal(await bodyOf(opened.connection), body)
    assert.equal(opened.connection.closed, true)
  })
}

test('keeps the connection open after the answer to a HEAD without a length', async () => {
  await using server = await rawServer((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
  await using opened = await open(`http://${server.host}`)
  await opened.connection.request(head, { isHead: true })
  assert.equal(await bodyOf(opened.connection), '')
  assert.equal(opened.connection.closed, false)
})

test('reuses one buffer for all reads, even with a slow reader', async () => {
  const size = 8 * 1024 * 1024
  const source = randomBytes(size)
  await using server = await scriptedServer((_, response) => void response.end(source))
  await using opened = await open(server.url)
  await opened.connection.request(get, { isHead: false })
  const memory = new Set<ArrayBufferLike>()
  let at = 0
  let chunks = 0
  await opened.connection.readBody(async (chunk) => {
    memory.add(chunk.buffer)
    if (chunks++ % 8 === 0) await after(2)
    assert.ok(source.subarray(at, at + chunk.length).equals(chunk))
    at += chunk.length
  })
  assert.equal(at, size)
  assert.equal(memory.size, 1)
})

test('pauses the server while the reader is slow', async () => {
  const size = 64 * 1024 * 1024
  let socket: Socket | undefined
  await using server = await scriptedServer((request, response) => {
    socket = request.socket
    response.writeHead(200, { 'content-length': String(size) })
    const chunk = Buffer.alloc(64 * 1024)
    let sent = 0
    const more = (): void => {
      while (sent < size) {
        sent += chunk.length
        if (!response.write(chunk)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  })
  await using opened = await open(server.url)
  await opened.connection.request(get, { isHead: false })
  let release = (): void => undefined
  let taken = 0
  const reading = opened.connection.readBody((chunk) => {
    taken += chunk.length
    return taken === chunk.length ? new Promise((resolve) => (release = resolve)) : undefined
  })
  // nothing more leaves the server once the buffers of the two kernels are full
  let last = -1
  while (last !== socket?.bytesWritten || last < 100_000) {
    last = socket?.bytesWritten ?? -1
    await after(50)
  }
  assert.ok(last < size / 2, `${last} bytes left the server`)
  assert.ok(taken <= 128 * 1024)
  const before = process.memoryUsage.rss()
  release()
  await reading
  assert.equal(taken, size)
  assert.ok(process.memoryUsage.rss() - before < 48 * 1024 * 1024)
})

for (const [name, fail] of [
  [
    'throws',
    () => {
      throw new Error('no space')
    },
  ],
  ['rejects', () => Promise.reject(new Error('no space'))],
] as const) {
  for (const [where, answer] of [
    ['came with the head', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole'],
    ['is still on its way', 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf'],
  ] as const) {
    test(`stops reading a body that ${where} after the sink ${name}, and does not call it again`, async () => {
      await using server = await rawServer((socket) => socket.write(answer))
      await using opened = await open(`http://${server.host}`)
      await opened.connection.request(get, { isHead: false })
      let calls = 0
      const reading = opened.connection.readBody(() => {
        calls++
        return fail()
      })
      await assert.rejects(reading, { message: 'no space' })
      assert.equal(calls, 1)
      assert.equal(opened.connection.closed, true)
    })
  }
}

test('does not call a sink again after the connection is destroyed', async () => {
  await using server = await rawServer((socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n'),
  )
  await using opened = await open(`http://${server.host}`)
  await opened.connection.request(get, { isHead: false })
  const chunks: string[] = []
  let release = (): void => undefined
  const reading = opened.connection.readBody((chunk) => {
    chunks.push(Buffer.from(chunk).toString())
    return new Promise((resolve) => (release = resolve))
  })
  opened.connection.destroy(new Error('given up'))
  await assert.rejects(reading, { message: 'given up' })
  release()
  await turn()
  assert.deepEqual(chunks, ['a'])
})

test('accepts a complete answer when the server closes while the reader is slow', async () => {
  let peer: Socket | undefined
  await using server = await rawServer((socket) => {
    peer = socket
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n')
  })
  await using opened = await open(`http://${server.host}`)
  await opened.connection.request(get, { isHead: false })
  const chunks: string[] = []
  await opened.connection.readBody(async (chunk) => {
    chunks.push(Buffer.from(chunk).toString())
    if (peer?.destroyed === false) await once(peer.resetAndDestroy(), 'close')
    for (let turns = 0; turns < 10; turns++) await turn()
  })
  assert.deepEqual(chunks, ['a', 'b'])
})

test('accepts a complete answer when the rest of the request cannot be written', async () => {
  let peer: Socket | undefined
  await using server = await rawServer((socket) => {
    peer = socket.pause()
    socket.write('HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n')
  })
  await using opened = await open(`http://${server.host}`)
  const body = Buffer.alloc(64 * 1024 * 1024)
  await opened.connection.request(put(body.length), { body, isHead: false })
  const chunks: string[] = []
  await opened.connection.readBody(async (chunk) => {
    chunks.push(Buffer.from(chunk).toString())
    peer?.resetAndDestroy()
    while (!opened.connection.closed) await turn()
  })
  assert.deepEqual(chunks, ['a', 'b'])
  assert.equal(opened.connection.closed, true)
})

test('writes an upload completely, and releases its buffer after each chunk', async () => {
  const size = 8 * 1024 * 1024
  await using server = await scriptedServer(async (request, response) => {
    const body = await request.readBody()
    const wrong = body.findIndex((byte, index) => byte !== Math.floor(index / 65_536) % 256)
    response.end(`${body.length} ${wrong}`)
  })
  await using opened = await open(server.url)
  const chunk = Buffer.alloc(65_536)
  const { status } = await opened.connection.upload(put(size), {
    size,
    cancel: () => undefined,
    async read(sink) {
      for (let index = 0; index < size / chunk.length; index++) {
        chunk.fill(index % 256)
        await sink(chunk)
      }
    },
  })
  assert.equal(status, 200)
  assert.equal(await bodyOf(opened.connection), `${size} -1`)
  assert.equal(opened.connection.closed, false)
})

test('gets an answer to an empty upload', async () => {
  await using server = await scriptedServer(async (request, response) => void response.writeHead(201).end(await request.readBody()))
  await using opened = await open(server.url)
  assert.equal((await opened.connection.upload(put(0), contentOf(new Uint8Array()))).status, 201)
})

test('fails an upload whose content is shorter or longer than its declared size', async () => {
  let received = ''
  await using server = await rawServer((socket, first) => {
    received = first.toString('latin1')
    socket.on('data', (bytes) => (received += bytes.toString('latin1')))
  })
  const content = (size: number, text: string): Parameters<Connection['upload']>[1] => ({
    size,
    cancel: () => undefined,
    read: async (sink) => sink(Buffer.from(text)),
  })
  for (const [size, kind] of [
    [5, 'CONNECTION_LOST'],
    [3, 'PROTOCOL'],
  ] as const) {
    await using opened = await open(`http://${server.host}`)
    await assert.rejects(
      opened.connection.upload(put(size), content(size, 'four')),
      (error: unknown) => error instanceof WireError && error.kind === kind,
    )
    assert.equal(opened.connection.closed, true)
  }
  assert.doesNotMatch(received, /content-length: 3\r\n\r\nfour/)
})

// F97
test('returns an answer sent before the end of an upload, and stops the content', async () => {
  const size = 256 * 1024 * 1024
  await using server = await rawServer((socket) => {
    socket.pause()
    socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large')
  })
  await using opened = await open(`http://${server.host}`)
  const content = repeated(size)
  assert.equal((await opened.connection.upload(put(size), content)).status, 413)
  assert.equal(await bodyOf(opened.connection), 'too large')
  assert.equal(content.cancelled, true)
  assert.ok(content.given < size / 4)
  // half a request was sent: what follows would be taken for the rest of it
  assert.equal(opened.connection.closed, true)
})

test('keeps the connection when the answer arrives with the last bytes', async () => {
  const size = 4 * 1024 * 1024
  await using server = await rawServer((socket, first) => {
    void whenRead(socket, first, size + put(size).length).then(() => socket.write('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n'))
  })
  for (let round = 0; round < 10; round++) {
    await using opened = await open(`http://${server.host}`)
    const content = repeated(size, size)
    assert.equal((await opened.connection.upload(put(size), content)).status, 201)
    assert.equal(await bodyOf(opened.connection), '')
    assert.equal(content.cancelled, false)
    assert.equal(opened.connection.closed, false)
  }
})

test('returns an answer sent while the last bytes are unread', async () => {
  let given = (): void => undefined
  const isGiven = new Promise<void>((resolve) => (given = resolve))
  await using server = await rawServer((socket) => {
    socket.pause()
    void isGiven.then(() => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n'))
  })
  await using opened = await open(`http://${server.host}`)
  const size = 64 * 1024 * 1024
  const content: Content = {
    ...contentOf(Buffer.alloc(size)),
    read(sink) {
      const taken = sink(Buffer.alloc(size))
      given()
      return Promise.resolve(taken)
    },
  }
  assert.equal((await opened.connection.upload(put(size), content)).status, 413)
  assert.equal(await bodyOf(opened.connection), '')
  assert.equal(opened.connection.closed, true)
})

test('rejects with the error of the content, and closes the connection', async () => {
  let ended = false
  await using server = await rawServer((socket) => void socket.on('close', () => (ended = true)))
  await using opened = await open(`http://${server.host}`)
  const failing = {
    size: 10,
    cancel: () => undefined,
    async read(sink: (chunk: Uint8Array) => void | Promise<void>) {
      await sink(Buffer.from('half'))
      throw new Error('the source broke')
    },
  }
  await assert.rejects(opened.connection.upload(put(10), failing), { message: 'the source broke' })
  while (!ended) await turn()
})

test('closes the connection when the answer arrives before the request body is read', async () => {
  await using server = await rawServer((socket) => {
    socket.pause()
    socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
  })
  await using opened = await open(`http://${server.host}`)
  const body = Buffer.alloc(64 * 1024 * 1024)
  assert.equal((await opened.connection.request(put(body.length), { body, isHead: false })).status, 401)
  assert.equal(await bodyOf(opened.connection), '')
  assert.equal(opened.connection.closed, true)
})

test('rejects every pending call when a connection is destroyed', async () => {
  await using server = await rawServer((socket) => void socket.pause())
  const reason = new Error('enough')
  await using waiting = await open(`http://${server.host}`)
  const request = waiting.connection.request(get, { isHead: false })
  waiting.connection.destroy(reason)
  await assert.rejects(request, reason)
  await using writing = await open(`http://${server.host}`)
  const content = repeated(256 * 1024 * 1024)
  const upload = writing.connection.upload(put(content.size), content)
  while (writing.connection.waiting !== 'write') await turn()
  writing.connection.destroy(reason)
  await assert.rejects(upload, reason)
})

test('reports that it waits for the server only while the server is slow', async () => {
  let peer: Socket | undefined
  await using server = await rawServer((socket) => {
    peer = socket
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n')
  })
  await using opened = await open(`http://${server.host}`)
  const { connection } = opened
  assert.equal(connection.waiting, 'nothing')
  const answer = connection.request(get, { isHead: false })
  assert.equal(connection.waiting, 'head')
  await answer
  // the caller has not started to read
  assert.equal(connection.waiting, 'nothing')
  let release = (): void => undefined
  const reading = connection.readBody(() => new Promise((resolve) => (release = resolve)))
  assert.equal(connection.waiting, 'body')
  peer?.write('body')
  while (connection.moved < 4) await turn()
  assert.equal(connection.waiting, 'nothing')
  release()
  await reading
})

test('notices that a server closes an idle connection', async () => {
  let peer: Socket | undefined
  await using server = await rawServer((socket) => {
    peer = socket
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  await using opened = await open(`http://${server.host}`)
  await opened.connection.request(get, { isHead: false })
  await bodyOf(opened.connection)
  assert.ok(peer)
  const closed = once(peer, 'close')
  peer.end()
  while (!opened.connection.closed) await turn()
  await closed
  assert.equal(opened.connection.heard, true)
})
