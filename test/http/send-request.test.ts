import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { certificateAuthority } from '../servers/certificates.ts'
import { rawServer, scriptedServer, type ScriptedHandler } from '../servers/scripted-server.ts'
import { openClient, repeated } from './open-client.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

test('sends twenty HEADs over one connection', async () => {
  for (const handler of [
    (_, response) => void response.setHeader('content-length', 5_000_000).end(),
    // neither a length nor chunks
    (_, response) => void response.end(),
  ] satisfies ScriptedHandler[]) {
    await using server = await scriptedServer(handler)
    await using client = openClient()
    for (let index = 0; index < 20; index++) await client.requestNow({ method: 'HEAD', url: new URL(`${server.url}/${index}`) })
    assert.equal(server.requests.length, 20)
    assert.equal(server.connections, 1)
  }
})

test('reuses connections between requests, downloads and uploads that do not overlap', async () => {
  await using server = await scriptedServer(
    async (request, response) => void response.end(`${request.method} ${(await request.readBody()).toString()}`),
  )
  await using client = openClient()
  const url = new URL(server.url)
  assert.equal(text((await client.requestNow({ method: 'POST', url, body: Buffer.from('a') })).body), 'POST a')
  assert.equal(text(await (await client.download({ url })).bytes(100)), 'GET ')
  assert.equal(text((await client.upload({ url, content: { ...repeated(5), cancel: () => undefined } })).body), 'PUT xxxxx')
  assert.equal(server.connections, 1)
  await Promise.all(Array.from({ length: 4 }, () => client.requestNow({ method: 'GET', url })))
  assert.equal(server.connections, 4)
})

test('sends Content-Length: 0 with a POST without a body', async () => {
  await using server = await scriptedServer((_, response) => void response.end())
  await using client = openClient({ userAgent: 'agent/1' })
  await client.requestNow({ method: 'POST', url: new URL(`${server.url}/v2/?a=%2F~+%20`) })
  const [request] = server.requests
  assert.equal(request?.headers['content-length'], '0')
  assert.equal(request?.headers['user-agent'], 'agent/1')
  assert.equal(request?.headers.host, server.host)
  assert.equal(request?.url, '/v2/?a=%2F~+%20')
})

/** A server that answers the first request of a connection and does `then` to the second. */
function fickleServer(
  then: (socket: Socket) => void,
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
): ReturnType<typeof rawServer> {
  return rawServer((socket) => {
    socket.write(answer)
    socket.once('data', () => then(socket))
  })
}

for (const [name, then] of [
  ['ended', (socket: Socket) => void socket.end()],
  ['reset', (socket: Socket) => void socket.resetAndDestroy()],
] as const) {
  // F100
  test(`replaces a kept connection that is ${name} before the answer`, async () => {
    await using server = await fickleServer(then)
    await using client = openClient()
    const url = new URL(`http://${server.host}/`)
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] as const) {
      const { status } = await client.requestNow({ method, url, ...(method === 'PUT' && { body: Buffer.from('manifest') }) })
      assert.equal(status, 200)
      // the answer to a HEAD leaves two bytes too many, which closes the connection
    }
    assert.ok(server.connections >= 4)
  })

  test(`fails an upload on a kept connection that is ${name}, and does not resend its content`, async () => {
    await using server = await fickleServer(then)
    await using client = openClient()
    const url = new URL(`http://${server.host}/`)
    await client.requestNow({ method: 'GET', url })
    const content = repeated(1000)
    await assert.rejects(client.upload({ url, content }), { code: 'CONNECTION_LOST' })
    assert.equal(server.connections, 1)
  })

  test(`does not retry on a new connection that is ${name}`, async () => {
    await using server = await rawServer((socket) => then(socket))
    await using client = openClient()
    await assert.rejects(client.requestNow({ method: 'GET', url: new URL(`http://${server.host}/`) }), { code: 'CONNECTION_LOST' })
    assert.equal(server.connections, 1)
  })
}

test('does not retry on a kept connection that breaks within an answer', async () => {
  await using server = await fickleServer((socket) => void socket.end('HTTP/1.1 200'))
  await using client = openClient()
  const url = new URL(`http://${server.host}/`)
  await client.requestNow({ method: 'GET', url })
  await assert.rejects(client.requestNow({ method: 'GET', url }), { code: 'CONNECTION_LOST' })
  assert.equal(server.connections, 1)
})

test('opens new connections to a server that closes idle ones', async () => {
  let closed = 0
  let peer: Socket | undefined
  await using server = await rawServer((socket) => {
    peer = socket.on('close', () => closed++)
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  await using client = openClient()
  for (let index = 0; index < 3; index++) {
    assert.equal((await client.requestNow({ method: 'GET', url: new URL(`http://${server.host}/`) })).status, 200)
    peer?.end()
    while (closed <= index) await turn()
  }
  assert.equal(server.connections, 3)
})

/** Answers a request before its body is read, and then does `then`. */
const earlyAnswers: readonly (readonly [name: string, write: (socket: Socket) => void])[] = [
  ['keeps the connection', (socket) => void socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno')],
  ['ends the connection', (socket) => void socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno')],
  [
    'destroys the connection',
    (socket) => void socket.write('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno', () => socket.destroy()),
  ],
  [
    'resets the connection',
    (socket) => void socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno', () => socket.resetAndDestroy()),
  ],
]

for (const secure of [false, true]) {
  const authority = await certificateAuthority()
  const tls = await authority.server()
  const settings = (): object => ({ tls: { ca: authority.certificate } })
  for (const [name, write] of earlyAnswers) {
    // a TLS socket cannot be reset
    if (secure && name === 'resets the connection') continue
    // F97
    test(`reads the 401 of a server that answers during an ${secure ? 'encrypted ' : ''}upload and ${name}`, async () => {
      let early = 0
      await using server = await rawServer(
        (socket) => {
          let read = 0
          socket.on('data', (bytes: Buffer) => {
            read += bytes.length
            if (read < 1_000_000 || early < 0) return
            early = -1
            socket.pause()
            write(socket)
          })
        },
        secure ? { tls } : {},
      )
      for (let round = 0; round < 3; round++) {
        early = 0
        await using client = openClient(secure ? { settings } : {})
        const content = repeated(64 * 1024 * 1024)
        const answer = await client.upload({ url: new URL(`${secure ? 'https' : 'http'}://${server.host}/`), content })
        assert.equal(answer.status, 401)
        assert.equal(text(answer.body), 'no')
        assert.ok(content.given < content.size / 2)
      }
    })
  }
}

// F97
test('accepts an answer to a manifest that the server did not read', async () => {
  await using server = await rawServer((socket) => {
    socket.pause()
    socket.write('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig', () => socket.destroy())
  })
  await using client = openClient()
  for (let round = 0; round < 5; round++) {
    const answer = await client.requestNow({ method: 'PUT', url: new URL(`http://${server.host}/`), body: Buffer.alloc(8 * 1024 * 1024) })
    assert.equal(`${answer.status} ${text(answer.body)}`, '413 big')
  }
})

test('rejects an answer that exceeds the limit with PROTOCOL, with or without a declared length', async () => {
  await using server = await scriptedServer((request, response) => {
    if (request.url === '/said') response.setHeader('content-length', 1_000_000)
    response.end(Buffer.alloc(1_000_000))
  })
  await using client = openClient()
  for (const path of ['said', 'unsaid']) {
    const url = new URL(`${server.url}/${path}`)
    await assert.rejects(client.requestNow({ method: 'GET', url, maxBytes: 999_999 }), {
      code: 'PROTOCOL',
      message: /larger than the limit of 999999 bytes/,
    })
    await assert.rejects(client.requestNow({ method: 'GET', url }), { code: 'PROTOCOL' })
    assert.equal((await client.requestNow({ method: 'GET', url, maxBytes: 1_000_000 })).body.length, 1_000_000)
    await assert.rejects((await client.download({ url })).bytes(10), { code: 'PROTOCOL' })
  }
})

test('reports a truncated download as CONNECTION_LOST, and accepts one without a length', async () => {
  const bodies: Record<string, string> = {
    counted: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
    chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf',
    close: 'HTTP/1.1 200 OK\r\n\r\nhalf',
  }
  await using server = await rawServer(
    (socket, request) => void socket.end(bodies[/GET \/(\w+)/.exec(request.toString())?.[1] ?? ''] ?? ''),
  )
  await using client = openClient()
  for (const kind of ['counted', 'chunked']) {
    let received = ''
    const download = await client.download({ url: new URL(`http://${server.host}/${kind}`) })
    assert.equal(download.length, kind === 'counted' ? 100 : undefined)
    await assert.rejects(
      download.read((chunk) => void (received += text(chunk))),
      { code: 'CONNECTION_LOST', message: new RegExp(server.host) },
    )
    assert.equal(received, 'half')
  }
  const short = await client.download({ url: new URL(`http://${server.host}/close`) })
  assert.equal(short.length, undefined)
  assert.equal(text(await short.bytes(100)), 'half')
})

test('distinguishes a failed sink from a failed connection, and releases the connection', async () => {
  await using server = await scriptedServer((_, response) => void response.end('small'))
  await using client = openClient()
  const url = new URL(server.url)
  const failure = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
  const fails = [
    () => {
      throw failure
    },
    () => Promise.reject(failure),
    async () => {
      await turn()
      throw failure
    },
  ]
  for (const fail of fails) await assert.rejects((await client.download({ url })).read(fail), failure)
  assert.equal(text((await client.requestNow({ method: 'GET', url })).body), 'small')
})

test('closes the connection of a cancelled download', async () => {
  let closed = 0
  await using server = await scriptedServer((request, response) => {
    request.socket.on('close', () => closed++)
    response.writeHead(200, { 'content-length': '1000' }).write('half')
  })
  await using client = openClient()
  const download = await client.download({ url: new URL(server.url) })
  download.cancel()
  while (closed === 0) await turn()
})

test('does not close a reused connection when a completed download is cancelled', async () => {
  let cancelled = (): void => undefined
  const isCancelled = new Promise<void>((resolve) => (cancelled = resolve))
  await using server = await scriptedServer((request, response) => {
    if (request.index === 0) return void response.end('first')
    void isCancelled.then(() => response.end('second'))
  })
  await using client = openClient()
  const url = new URL(server.url)
  const first = await client.download({ url })
  assert.equal(text(await first.bytes(10)), 'first')
  const second = client.requestNow({ method: 'GET', url })
  while (server.requests.length < 2) await turn()
  first.cancel()
  cancelled()
  assert.equal(text((await second).body), 'second')
  assert.equal(server.connections, 1)
})

test('ends every stage with the reason of an abort', async () => {
  const reached = new Set<string>()
  const closed = new Set<string>()
  await using server = await rawServer((socket, request) => {
    const path = /\/(\w+)/.exec(request.toString())?.[1] ?? ''
    reached.add(path)
    socket.on('close', () => closed.add(path))
    if (request.includes('/body')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
    if (request.includes('/write')) socket.pause()
  })
  await using client = openClient()
  const at = (path: string): URL => new URL(`http://${server.host}/${path}`)
  const reason = new Error('enough')
  const already = AbortSignal.abort(reason)
  await assert.rejects(client.requestNow({ method: 'GET', url: at('never'), signal: already }), reason)
  assert.equal(server.connections, 0)

  const connecting = new AbortController()
  const pending = client.requestNow({ method: 'GET', url: at('head'), signal: connecting.signal })
  connecting.abort(reason)
  await assert.rejects(pending, reason)

  const stages: readonly (readonly [path: string, start: (signal: AbortSignal) => Promise<unknown>])[] = [
    ['head', (signal) => client.requestNow({ method: 'GET', url: at('head'), signal })],
    ['body', async (signal) => (await client.download({ url: at('body'), signal })).read(() => undefined)],
    ['body2', async (signal) => (await client.download({ url: at('body2'), signal })).read(() => new Promise(() => undefined))],
    ['write', (signal) => client.upload({ url: at('write'), content: repeated(64 * 1024 * 1024), signal })],
    ['answer', (signal) => client.upload({ url: at('answer'), content: repeated(100), signal })],
  ]
  for (const [name, start] of stages) {
    reached.clear()
    const controller = new AbortController()
    const running = start(controller.signal)
    while (!reached.has(name)) await turn()
    // what the server has sent by then is read meanwhile
    for (let turns = 0; turns < 20; turns++) await turn()
    controller.abort(reason)
    await assert.rejects(running, reason, name)
    // a socket that is not read does not learn that it was closed
    while (name !== 'write' && !closed.has(name)) await turn()
  }
})

test('does not affect later requests by an abort after the answer', async () => {
  await using server = await scriptedServer((_, response) => void response.end('ok'))
  await using client = openClient()
  const controller = new AbortController()
  await client.requestNow({ method: 'GET', url: new URL(server.url), signal: controller.signal })
  controller.abort()
  await client.requestNow({ method: 'GET', url: new URL(server.url) })
  assert.equal(server.connections, 1)
})

// F82
test('fails once for an answer that is not HTTP', async () => {
  for (const answer of ['SSH-2.0-OpenSSH\r\n', '<html>', '\x15\x03\x01\x00\x02\x02', 'HTTP/0.9 200\r\n\r\n']) {
    await using server = await rawServer((socket) => void socket.end(answer, 'latin1'))
    await using client = openClient()
    await assert.rejects(client.requestNow({ method: 'GET', url: new URL(`http://${server.host}/`) }), {
      code: 'PROTOCOL',
      message: /^request to http:\/\/127\.0\.0\.1:\d+ failed: invalid HTTP answer/,
    })
    assert.equal(server.connections, 1)
  }
})

// F92
test('reads a Location of 60 KiB and rejects one of 70 KiB', async () => {
  await using server = await rawServer((socket, request) => {
    const size = Number(/GET \/(\d+)/.exec(request.toString())?.[1])
    socket.end(`HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nLocation: /${'s'.repeat(size)}\r\n\r\n`)
  })
  await using client = openClient()
  const { headers } = await client.requestNow({ method: 'GET', url: new URL(`http://${server.host}/60000`) })
  assert.equal(headers.get('location')?.length, 60_001)
  await assert.rejects(client.requestNow({ method: 'GET', url: new URL(`http://${server.host}/70000`) }), {
    code: 'PROTOCOL',
    message: /64 KiB/,
  })
})

test('streams a blob between two servers with little memory', async () => {
  const size = 96 * 1024 * 1024
  const hash = createHash('sha256')
  await using source = await scriptedServer((_, response) => {
    response.writeHead(200, { 'content-length': String(size) })
    const chunk = Buffer.alloc(64 * 1024, 'blob')
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
  let received = 0
  const receivedHash = createHash('sha256')
  await using destination = await rawServer((socket, first) => {
    const take = (bytes: Buffer): void => {
      received += bytes.length
      receivedHash.update(bytes)
      if (received === size) socket.write('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n')
    }
    take(first.subarray(first.indexOf('\r\n\r\n') + 4))
    socket.on('data', take)
  })
  await using client = openClient()
  const download = await client.download({ url: new URL(source.url) })
  const before = process.memoryUsage.rss()
  const answer = await client.upload({
    url: new URL(`http://${destination.host}/`),
    content: {
      size,
      cancel: () => download.cancel(),
      read: (sink) =>
        download.read((chunk) => {
          hash.update(chunk)
          return sink(chunk)
        }),
    },
  })
  assert.equal(answer.status, 201)
  assert.equal(receivedHash.digest('hex'), hash.digest('hex'))
  // both servers and their buffers are in this process too
  assert.ok(process.memoryUsage.rss() - before < 64 * 1024 * 1024)
})
