import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { answerTimeout } from '../../src/http/watchdog.ts'
import { rawServer, scriptedServer, type RawServer } from '../servers/scripted-server.ts'
import { openClient, repeated } from './open-client.ts'

const timeout = 200
/** Bytes that are sent every 20 ms where a transfer is to move: ten times and more what is asked for, however late a timer fires. */
const moving = 1000

// What is not given up would last longer than this test does.
const inTime = { timeout: 120_000 }

test('times out on a server that never answers', inTime, async () => {
  await using server = await rawServer(() => undefined)
  await using client = openClient({ timeout })
  const url = new URL(`http://${server.host}/`)
  const expected = { code: 'TIMEOUT', message: /^request to http:\S+ failed: it did not answer within \d+ s$/ }
  for (const method of ['GET', 'HEAD', 'PUT'] as const) {
    const started = performance.now()
    await assert.rejects(client.requestNow({ method, url, ...(method === 'PUT' && { body: Buffer.from('x') }) }), expected)
    assert.ok(performance.now() - started >= timeout)
  }
  assert.equal(server.connections, 3)
})

test('times out on a slow head and on endless interim answers', inTime, async () => {
  for (const drip of ['H', 'HTTP/1.1 100 Continue\r\n\r\n']) {
    await using server = await rawServer((socket) => {
      const timer = setInterval(
        () => socket.write(drip === 'H' ? 'HTTP/1.1 200 OK\r\nX: aaaaaaaaaaaaaaaaaaaaa'.charAt(Math.min(socket.bytesWritten, 30)) : drip),
        20,
      )
      socket.on('close', () => clearInterval(timer))
    })
    await using client = openClient({ timeout })
    const request = { method: 'GET', url: new URL(`http://${server.host}/`) } as const
    for (const send of ['request', 'requestNow'] as const) await assert.rejects(client[send](request), { code: 'TIMEOUT' })
  }
})

test('does not treat a silent kept connection as stale', async () => {
  await using server = await rawServer((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  await using client = openClient({ timeout })
  const url = new URL(`http://${server.host}/`)
  await client.requestNow({ method: 'GET', url })
  await assert.rejects(client.requestNow({ method: 'GET', url }), { code: 'TIMEOUT' })
  assert.equal(server.connections, 1)
})

// F77
test('times out on a stalled or dripping download, and continues a slow one', inTime, async () => {
  const bytesPerTick: Record<string, number> = { stalls: 0, drips: 1, moves: moving }
  await using server = await scriptedServer((request, response) => {
    const bytes = bytesPerTick[request.url.slice(1)] ?? 0
    response.writeHead(200, { 'content-length': 50 * moving })
    response.write('x'.repeat(100))
    let sent = 100
    const timer = setInterval(() => {
      response.write('x'.repeat(bytes))
      sent += bytes
      if (sent >= 50 * moving) clearInterval(timer)
    }, 20)
    response.on('close', () => clearInterval(timer))
  })
  await using client = openClient({ timeout })
  for (const kind of ['stalls', 'drips']) {
    const download = await client.download({ url: new URL(`${server.url}/${kind}`) })
    await assert.rejects(
      download.read(() => undefined),
      { code: 'TIMEOUT', message: /the transfer stalled: \d+ bytes in \d+ s/ },
    )
  }
  let received = 0
  const download = await client.download({ url: new URL(`${server.url}/moves`) })
  await download.read((chunk) => void (received += chunk.length))
  assert.equal(received, 50 * moving)
})

test('does not time out while the reader is slow or has not started', async () => {
  await using server = await scriptedServer((_, response) => void response.end(Buffer.alloc(1_000_000)))
  await using client = openClient({ timeout })
  const download = await client.download({ url: new URL(server.url) })
  await after(3 * timeout)
  let received = 0
  await download.read((chunk) => {
    received += chunk.length
    return received === chunk.length ? after(3 * timeout) : undefined
  })
  assert.equal(received, 1_000_000)
})

// F98
test('times out on a server that never reads an upload', inTime, async () => {
  await using server = await rawServer((socket) => void socket.pause())
  await using client = openClient({ timeout })
  const content = repeated(256 * 1024 * 1024)
  await assert.rejects(client.upload({ url: new URL(`http://${server.host}/`), content }), {
    code: 'TIMEOUT',
    message: /the transfer stalled/,
  })
  assert.ok(content.given < content.size / 2)
})

test('does not time out while the source of an upload is slow', async () => {
  await using server = await scriptedServer(
    async (request, response) => void response.writeHead(201).end(String((await request.readBody()).length)),
  )
  await using client = openClient({ timeout })
  const answer = await client.upload({
    url: new URL(server.url),
    content: {
      size: 2,
      cancel: () => undefined,
      async read(sink) {
        await sink(Buffer.from('a'))
        await after(3 * timeout)
        await sink(Buffer.from('b'))
      },
    },
  })
  assert.equal(answer.status, 201)
})

// F99
test('waits longer for the answer to a large upload than to a small one', inTime, async () => {
  await using server = await scriptedServer(async (request, response) => {
    await request.readBody()
    await after(5 * timeout)
    response.writeHead(201).end()
  })
  await using client = openClient({ timeout })
  const url = new URL(server.url)
  assert.equal((await client.upload({ url, content: repeated(16 * 1024 * 1024) })).status, 201)
  await assert.rejects(client.upload({ url, content: repeated(1000) }), { code: 'TIMEOUT', message: /did not answer within \d+ s/ })
})

test('allows a second for each 4 MiB for the answer to an upload, up to 15 minutes', () => {
  const [second, mebibyte] = [1000, 1024 * 1024]
  assert.equal(answerTimeout(2 * second, mebibyte), 2.25 * second)
  assert.equal(answerTimeout(60 * second, 1024 * mebibyte), 316 * second)
  assert.equal(answerTimeout(60 * second, 100_000 * mebibyte), 900 * second)
  assert.equal(answerTimeout(1800 * second, 100_000 * mebibyte), 1800 * second)
})

/** Writes the bytes that `next` gives every 20 ms, until the client closes the connection. */
function dripping(head: string, next: () => string): Promise<RawServer> {
  return rawServer((socket) => {
    socket.write(head)
    const timer = setInterval(() => socket.write(next()), 20)
    socket.on('close', () => clearInterval(timer))
  })
}

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

for (const [name, head, next, message] of [
  ['drips', chunked, () => '1\r\nx\r\n', /the transfer stalled/],
  ['wraps its drops in long lines', chunked, () => `1;${'x'.repeat(4000)}\r\nx\r\n`, /the transfer stalled/],
  [
    'comes fast enough, and never ends',
    chunked,
    () => `${moving.toString(16)}\r\n${'x'.repeat(moving)}\r\n`,
    /the answer was incomplete after \d+ s/,
  ],
] as const) {
  test(`gives up on an answer that ${name}`, inTime, async () => {
    await using server = await dripping(head, next)
    await using client = openClient({ timeout })
    const request = { method: 'GET', url: new URL(`http://${server.host}/`), maxBytes: 10_000_000 } as const
    for (const send of ['request', 'requestNow'] as const) await assert.rejects(client[send](request), { code: 'TIMEOUT', message })
  })
}

test('does not count a long line before each chunk as progress of a download', inTime, async () => {
  await using server = await dripping(chunked, () => `1;${'x'.repeat(4000)}\r\nx\r\n`)
  await using client = openClient({ timeout })
  const download = await client.download({ url: new URL(`http://${server.host}/`) })
  await assert.rejects(
    download.read(() => undefined),
    { code: 'TIMEOUT', message: /the transfer stalled/ },
  )
})

test('sets no deadline for a download that waits for its reader, nor for its body', async () => {
  await using server = await dripping('HTTP/1.1 200 OK\r\nContent-Length: 80000\r\n\r\n', () => 'x'.repeat(moving))
  await using client = openClient({ timeout })
  const download = await client.download({ url: new URL(`http://${server.host}/`) })
  let received = 0
  await download.read((chunk) => void (received += chunk.length))
  assert.equal(received, 80_000)
})

test('shares one deadline among redirects', inTime, async () => {
  await using server = await scriptedServer(async (request, response) => {
    await after(0.75 * timeout)
    response.writeHead(307, { location: `/${request.index}` }).end()
  })
  await using client = openClient({ timeout })
  const request = { method: 'GET', url: new URL(server.url), redirects: 20 } as const
  for (const send of ['request', 'requestNow', 'download'] as const) {
    const before = server.requests.length
    await assert.rejects(client[send](request), { code: 'TIMEOUT' }, send)
    assert.ok(server.requests.length - before < 15)
  }
})

test('rejects an answer with too many interim answers', async () => {
  await using server = await rawServer((socket) => socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(101)))
  await using client = openClient()
  const request = { method: 'GET', url: new URL(`http://${server.host}/`) } as const
  for (const send of ['request', 'requestNow'] as const) {
    await assert.rejects(client[send](request), { code: 'PROTOCOL', message: /more than 100 interim answers/ })
  }
})

test('does not time out idle connections', async () => {
  let peer: Socket | undefined
  await using server = await scriptedServer((request, response) => {
    peer = request.socket
    response.end('ok')
  })
  const patience = 500
  await using client = openClient({ timeout: patience })
  await client.requestNow({ method: 'GET', url: new URL(server.url) })
  await after(2 * patience)
  assert.equal(peer?.destroyed, false)
  await client.requestNow({ method: 'GET', url: new URL(server.url) })
  assert.equal(server.connections, 1)
})
