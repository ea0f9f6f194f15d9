import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { HttpClient } from '../../src/http/http-client.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { rawServer, scriptedServer, type ScriptedHandler } from '../servers/scripted-server.ts'
import { forwardProxy } from './forward-proxy.ts'
import { openClient } from './open-client.ts'

const authority = await certificateAuthority()
const tls = await authority.server({ names: ['localhost', '127.0.0.1', 'files.test', '10.9.8.7'] })
const trusted = { ca: authority.certificate }
const ok: ScriptedHandler = (_, response) => void response.end('ok')

async function get(client: HttpClient, url: string, signal?: AbortSignal): Promise<string> {
  const { body } = await client.request({ method: 'GET', url: new URL(url), signal })
  return Buffer.from(body).toString()
}

test('sends a body, and returns repeated headers', async () => {
  await using server = await scriptedServer(async (request, response) => {
    response.writeHead(201, { 'set-cookie': ['a=b', 'c=d'], 'x-one': '1' }).end(await request.readBody())
  })
  await using client = openClient({ userAgent: 'agent/1' })
  const answer = await client.request({
    method: 'POST',
    url: new URL(`${server.url}/a?b=%2F~`),
    headers: { accept: 'x/y' },
    body: Buffer.from('form'),
  })
  assert.equal(answer.status, 201)
  assert.equal(Buffer.from(answer.body).toString(), 'form')
  assert.deepEqual(answer.headers.all('set-cookie'), ['a=b', 'c=d'])
  assert.equal(answer.headers.integer('x-one'), 1)
  const [request] = server.requests
  assert.deepEqual([request?.url, request?.headers['user-agent'], request?.headers.accept], ['/a?b=%2F~', 'agent/1', 'x/y'])
})

test('rejects an answer that is too long with PROTOCOL', async () => {
  await using server = await scriptedServer((_, response) => void response.end('eight by'))
  await using client = openClient()
  assert.equal(await get(client, server.url), 'eight by')
  await assert.rejects(client.request({ method: 'GET', url: new URL(server.url), maxBytes: 7 }), {
    code: 'PROTOCOL',
    message: /larger than the limit of 7 bytes/,
  })
})

test('rejects a truncated answer, a silent or stalled server, and an answer that is not HTTP', async () => {
  const answers: Record<string, string> = {
    truncated: 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf',
    stalls: 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf',
    nonsense: 'SSH-2.0\r\n',
  }
  await using server = await rawServer((socket, request) => {
    const kind = /GET \/(\w+)/.exec(request.toString())?.[1] ?? ''
    socket.write(answers[kind] ?? '')
    if (kind === 'truncated') socket.end()
  })
  await using client = openClient({ timeout: 300 })
  for (const [kind, code] of [
    ['truncated', 'CONNECTION_LOST'],
    ['silent', 'TIMEOUT'],
    ['stalls', 'TIMEOUT'],
    ['nonsense', 'PROTOCOL'],
  ] as const) {
    await assert.rejects(get(client, `http://${server.host}/${kind}`), { code, message: new RegExp(server.host) }, kind)
  }
})

// F92
test('reads headers of 60 KiB and rejects larger ones with PROTOCOL', async () => {
  await using server = await rawServer((socket, request) => {
    const size = Number(/GET \/(\d+)/.exec(request.toString())?.[1])
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: ${'s'.repeat(size)}\r\n\r\nok`)
  })
  await using client = openClient()
  assert.equal(await get(client, `http://${server.host}/60000`), 'ok')
  await assert.rejects(get(client, `http://${server.host}/70000`), { code: 'PROTOCOL', message: /larger than 64 KiB/ })
})

test('rejects with the reason of an abort', async () => {
  await using server = await scriptedServer(() => undefined)
  await using client = openClient()
  const controller = new AbortController()
  const running = get(client, server.url, controller.signal)
  while (server.requests.length === 0) await turn()
  controller.abort(new Error('enough'))
  await assert.rejects(running, { message: 'enough' })
})

// F79, F80, F81
test('reports why a connection fails: refused, unknown authority, expired, wrong name, plain HTTP', async () => {
  const gone = await scriptedServer(ok)
  await gone[Symbol.asyncDispose]()
  await using unknown = await scriptedServer(ok, { tls: await (await certificateAuthority()).server() })
  await using expired = await scriptedServer(ok, { tls: await authority.server({ expired: true }) })
  await using foreign = await scriptedServer(ok, { tls: await authority.server({ names: ['x.example.com'] }) })
  await using plain = await scriptedServer(ok)
  await using client = openClient({ settings: () => ({ tls: trusted }) })
  for (const [url, expected] of [
    [gone.url, { code: 'UNREACHABLE', message: /refused/ }],
    [unknown.url, { code: 'TLS', hint: /ca_file/ }],
    [expired.url, { code: 'TLS', message: /expired/ }],
    [foreign.url, { code: 'TLS', message: /is for another name, x\.example\.com$/ }],
    [plain.url.replace('http:', 'https:'), { code: 'TLS', hint: /http:\/\// }],
  ] as const) {
    await assert.rejects(get(client, url), expected, url)
  }
  await using broken = openClient({ settings: () => ({ tls: { cert: 'nonsense' } }) })
  await assert.rejects(get(broken, unknown.url), { code: 'TLS' })
})

// F90
test('sends a client certificate only to its origin', async () => {
  const own = await authority.client('reader')
  const names: (string | undefined)[] = []
  const remember: ScriptedHandler = ({ socket }, response) => {
    names.push((socket as Socket & { getPeerCertificate(): { subject?: { CN?: string } } }).getPeerCertificate().subject?.CN)
    response.end()
  }
  await using other = await scriptedServer(remember, { tls: { ...tls, clientCa: authority.certificate } })
  await using mine = await scriptedServer(
    (request, response) => {
      response.writeHead(302, { location: other.url })
      return remember(request, response)
    },
    { tls: { ...tls, clientCa: authority.certificate } },
  )
  await using client = openClient({
    settings: (origin) => ({ tls: origin === mine.url ? { ...trusted, cert: own.certificate, key: own.key } : trusted }),
  })
  await client.request({ method: 'GET', url: new URL(mine.url), redirects: 1 })
  assert.deepEqual(names, ['reader', undefined])
})

// F101
test('proxies https by CONNECT and http by the full URL, and sends proxy credentials only to the proxy', async () => {
  const basic = `Basic ${Buffer.from('us@er:p:ss').toString('base64')}`
  await using secure = await scriptedServer(ok, { tls })
  await using plain = await scriptedServer(ok)
  for (const server of [secure, plain]) {
    await using proxy = await forwardProxy({ authorization: basic, leadsTo: Number(new URL(server.url).port) })
    const url = `http://us%40er:p%3Ass@${proxy.host}`
    await using client = openClient({ settings: () => ({ tls: trusted }), environment: { https_proxy: url, http_proxy: url } })
    assert.equal(await get(client, server === secure ? 'https://files.test/a' : 'http://files.test:8080/a?b=c'), 'ok')
    const [request] = proxy.requests
    const expected = server === secure ? ['CONNECT', 'files.test:443', basic] : ['GET', 'http://files.test:8080/a?b=c', basic]
    assert.deepEqual([request?.method, request?.target, request?.authorization], expected)
    assert.equal(server.requests[0]?.headers['proxy-authorization'], undefined)
  }
})

test('requires a certificate for the origin through a tunnel, also for an IP address', async () => {
  await using server = await scriptedServer(ok, { tls })
  await using proxy = await forwardProxy({ leadsTo: Number(new URL(server.url).port) })
  const environment = { https_proxy: `http://${proxy.host.replace('127.0.0.1', 'localhost')}` }
  await using client = openClient({ settings: () => ({ tls: trusted }), environment })
  assert.equal(await get(client, 'https://10.9.8.7/'), 'ok')
  for (const url of ['https://10.9.8.6/', 'https://other.test/'])
    await assert.rejects(get(client, url), { code: 'TLS', message: /another name/ }, url)
})

for (const scheme of ['http', 'https'] as const) {
  // F101
  test(`${scheme}: reports a proxy that answers 407 or 403, or is down`, async () => {
    await using locked = await forwardProxy({ authorization: 'Basic other' })
    const down = await forwardProxy()
    await down[Symbol.asyncDispose]()
    const through = (host: string): HttpClient & AsyncDisposable =>
      openClient({ environment: { https_proxy: `http://u:secret@${host}`, http_proxy: `http://u:secret@${host}` } })
    await using first = through(locked.host)
    await assert.rejects(get(first, `${scheme}://files.test/`), (error: { code?: string; message: string }) => {
      assert.equal(error.code, 'UNAUTHORIZED')
      assert.match(error.message, /the proxy http:\S+ \(https?_proxy\) requires credentials/)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
    await using second = through(down.host)
    await assert.rejects(get(second, `${scheme}://files.test/`), {
      code: 'UNREACHABLE',
      message: `cannot connect to the proxy http://${down.host} (${scheme}_proxy): the connection was refused`,
    })
    if (scheme === 'http') return
    await using refusing = await forwardProxy({ refuse: 403 })
    await using third = through(refusing.host)
    await assert.rejects(get(third, 'https://files.test:8443/'), {
      code: 'DENIED',
      message: /refused the connection \(403\)/,
      hint: /port 443/,
    })
  })
}
