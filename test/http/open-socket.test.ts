import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import dns from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, createServer as createSocketServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import type { Naming, NamingServer } from '../../src/http/address.ts'
import type { HttpClient } from '../../src/http/http-client.ts'
import type { TlsSettings } from '../../src/http/tls.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { listen } from '../servers/listen.ts'
import { rawServer, scriptedServer, type ScriptedHandler } from '../servers/scripted-server.ts'
import { forwardProxy } from './forward-proxy.ts'
import { openClient } from './open-client.ts'

const authority = await certificateAuthority()
const tls = await authority.server()
const trusted: TlsSettings = { ca: authority.certificate }
const ok: ScriptedHandler = (_, response) => void response.end('ok')

function trusting(settings: TlsSettings): HttpClient & AsyncDisposable {
  return openClient({ settings: () => ({ tls: settings }) })
}

async function get(client: HttpClient, url: string, signal?: AbortSignal): Promise<string> {
  const { body } = await client.requestNow({ method: 'GET', url: new URL(url), signal })
  return Buffer.from(body).toString()
}

test('TLS: trusts a private authority in addition to the known ones', async () => {
  await using server = await scriptedServer(ok, { tls })
  await using client = trusting(trusted)
  assert.equal(await get(client, server.url), 'ok')
  assert.equal(await get(client, server.url.replace('127.0.0.1', 'localhost')), 'ok')
})

// F80
test('rejects a certificate of an unknown authority, and the hint names the option', async () => {
  await using server = await scriptedServer(ok, { tls })
  await using client = openClient()
  const expected = {
    code: 'TLS',
    message: /^cannot connect to https:\S+: its certificate is not signed by a trusted authority/,
    hint: /ca_file/,
  }
  await assert.rejects(get(client, server.url), expected)
  const other = await certificateAuthority('another')
  await using mistaken = trusting({ ca: other.certificate })
  await assert.rejects(get(mistaken, server.url), expected)
  assert.equal(server.requests.length, 0)
})

// F80
test('rejects a self-signed certificate', async () => {
  await using server = await scriptedServer(ok, { tls: authority })
  await using client = openClient()
  await assert.rejects(get(client, server.url), { code: 'TLS' })
})

// F80
test('rejects an expired certificate and one for another name', async () => {
  await using expired = await scriptedServer(ok, { tls: await authority.server({ expired: true }) })
  await using foreign = await scriptedServer(ok, { tls: await authority.server({ names: ['registry.example.com'] }) })
  await using client = trusting(trusted)
  await assert.rejects(get(client, expired.url), { code: 'TLS', message: /expired/, hint: /^renew/ })
  await assert.rejects(get(client, foreign.url), { code: 'TLS', message: /is for another name, registry\.example\.com$/ })
})

// F80
test('rejects TLS 1.1', async () => {
  const server = createTlsServer({
    cert: tls.certificate,
    key: tls.key,
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  server.on('tlsClientError', () => undefined)
  const { port, close } = await listen(server)
  await using client = trusting(trusted)
  await assert.rejects(get(client, `https://127.0.0.1:${port}/`), { code: 'TLS' })
  await close()
})

test('TLS: checks nothing for an insecure origin', async () => {
  await using server = await scriptedServer(ok, { tls: await authority.server({ names: ['registry.example.com'], expired: true }) })
  await using client = trusting({ insecureSkipVerify: true })
  assert.equal(await get(client, server.url), 'ok')
})

// F81
test('fails with a hint for https to a server that speaks plain HTTP', async () => {
  await using server = await scriptedServer(ok)
  await using client = openClient()
  await assert.rejects(get(client, server.url.replace('http:', 'https:')), {
    code: 'TLS',
    message: /does not use TLS/,
    hint: /http:\/\//,
  })
})

test('gets no answer to plain HTTP from a TLS server', async () => {
  await using server = await scriptedServer(ok, { tls })
  await using client = openClient()
  await assert.rejects(get(client, server.url.replace('https:', 'http:')), (error: { code?: string }) =>
    ['PROTOCOL', 'CONNECTION_LOST'].includes(error.code ?? ''),
  )
})

test('TLS: reports unusable settings as a TLS error', async () => {
  await using server = await scriptedServer(ok, { tls })
  const other = await certificateAuthority()
  for (const settings of [{ cert: 'nonsense' }, { cert: tls.certificate, key: other.key }]) {
    await using client = trusting(settings)
    await assert.rejects(get(client, server.url), { code: 'TLS', hint: /configs\.<host>\.tls/ })
  }
})

test('mutual TLS: sends the certificate only to its origin', async () => {
  const clientCertificate = await authority.client('pusher')
  const names: Record<string, string | undefined> = {}
  const remember =
    (name: string): ScriptedHandler =>
    ({ socket }, response) => {
      const { subject } = (socket as Socket & { getPeerCertificate(): { subject?: { CN?: string } } }).getPeerCertificate()
      names[name] = subject?.CN
      if (name === 'first') response.writeHead(307, { location: `${second.url}/blob` })
      response.end()
    }
  const mutual = { ...tls, clientCa: authority.certificate }
  await using second = await scriptedServer(remember('second'), { tls: mutual })
  await using first = await scriptedServer(remember('first'), { tls: mutual })
  await using client = openClient({
    settings: (origin) => ({
      tls: origin === first.url ? { ...trusted, cert: clientCertificate.certificate, key: clientCertificate.key } : trusted,
    }),
  })
  await client.requestNow({ method: 'GET', url: new URL(first.url), redirects: 3 })
  await client.requestNow({ method: 'GET', url: new URL(second.url) })
  assert.deepEqual(names, { first: 'pusher', second: undefined })
})

test('mutual TLS: reports a server that requires a client certificate', async () => {
  const server = createTlsServer({
    cert: tls.certificate,
    key: tls.key,
    ca: authority.certificate,
    requestCert: true,
    rejectUnauthorized: true,
  })
  server.on('tlsClientError', () => undefined)
  const { port, close } = await listen(server)
  await using client = trusting(trusted)
  await assert.rejects(get(client, `https://127.0.0.1:${port}/`), (error: { code?: string }) =>
    ['TLS', 'CONNECTION_LOST'].includes(error.code ?? ''),
  )
  await close()
})

test('insecure applies to one origin', async () => {
  await using one = await scriptedServer(ok, { tls })
  await using other = await scriptedServer(ok, { tls })
  await using client = openClient({ settings: (origin) => ({ tls: origin === one.url ? { insecureSkipVerify: true } : undefined }) })
  assert.equal(await get(client, one.url), 'ok')
  await assert.rejects(get(client, other.url), { code: 'TLS' })
})

test('TLS: transfers 50 MB unchanged in both directions', async () => {
  const part = randomBytes(1024 * 1024)
  const hash = createHash('sha256')
  for (let index = 0; index < 50; index++) hash.update(part)
  const expected = hash.digest('hex')
  await using server = await scriptedServer(
    async (request, response) => {
      if (request.method === 'PUT')
        return void response.end(
          createHash('sha256')
            .update(await request.readBody())
            .digest('hex'),
        )
      response.writeHead(200, { 'content-length': String(50 * part.length) })
      for (let index = 0; index < 50; index++) if (!response.write(part)) await once(response, 'drain')
      response.end()
    },
    { tls },
  )
  await using client = trusting(trusted)
  const download = await client.download({ url: new URL(server.url) })
  const received = createHash('sha256')
  const memory = new Set<ArrayBufferLike>()
  const answer = await client.upload({
    url: new URL(server.url),
    content: {
      size: 50 * part.length,
      cancel: () => undefined,
      read: (sink) =>
        download.read((chunk) => {
          memory.add(chunk.buffer)
          received.update(chunk)
          return sink(chunk)
        }),
    },
  })
  assert.equal(received.digest('hex'), expected)
  assert.equal(Buffer.from(answer.body).toString(), expected)
  // as many as Node decrypts before it stops reading
  assert.ok(memory.size < 16, `${memory.size} buffers`)
})

test('connects over IPv6', async (t) => {
  const server = createServer((_, response) => void response.end('six'))
  server.listen(0, '::1')
  const failed = await Promise.race([once(server, 'listening').then(() => false), once(server, 'error').then(() => true)])
  if (failed) return t.skip('no IPv6 here')
  const { port } = server.address() as AddressInfo
  await using client = openClient()
  assert.equal(await get(client, `http://[::1]:${port}/`), 'six')
  await client.close()
  server.close()
})

function resolveAs(t: TestContext, addresses: readonly string[]): void {
  t.mock.restoreAll()
  t.mock.method(dns, 'lookup', (_: string, options: { all?: boolean }, callback: (...all: unknown[]) => void) => {
    const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    setImmediate(() => (options.all === true ? callback(null, all) : callback(null, all[0]?.address, all[0]?.family)))
  })
}

test('connects to the second address of a host when the first is dead', async (t) => {
  await using server = await scriptedServer(ok)
  await using client = openClient()
  resolveAs(t, ['127.0.0.9', '::1', '127.0.0.1'])
  // only 127.0.0.1 listens
  assert.equal(await get(client, server.url.replace('127.0.0.1', 'two-addresses.test')), 'ok')
})

// F79
test('reports a host as unreachable when all its addresses refuse the connection', async (t) => {
  await using server = await scriptedServer(ok)
  const url = server.url.replace('127.0.0.1', 'all-dead.test')
  await server[Symbol.asyncDispose]()
  await using client = openClient()
  resolveAs(t, ['::1', '127.0.0.1'])
  await assert.rejects(get(client, url), {
    code: 'UNREACHABLE',
    message: /^cannot connect to http:\/\/all-dead\.test:\d+: the connection was refused/,
  })
})

const publicRegistry: NamingServer = { url: new URL('https://registry.test'), address: '203.0.113.7' }

test('does not connect to a server-supplied name at an address that this server must not use', async (t) => {
  await using server = await rawServer((socket) => socket.destroy())
  const { port } = server
  for (const [address, why, hint] of [
    ['127.0.0.1', 'a loopback address', /pass options\.tokenHosts named\.test/],
    ['::1', 'a loopback address', /pass options\.tokenHosts named\.test/],
    ['10.1.2.3', 'a private address', /pass options\.tokenHosts named\.test/],
    ['169.254.169.254', 'an address that registries must not refer to', /are never sent/],
  ] as const) {
    resolveAs(t, [address])
    await using client = openClient()
    const naming: Naming = { by: publicRegistry, trusted: [], option: 'options.tokenHosts' }
    for (const scheme of ['http', 'https']) {
      const request = { method: 'GET', url: new URL(`${scheme}://named.test:${port}/`), naming } as const
      const expected = { code: 'REFUSED_ADDRESS', message: `named.test:${port} is ${address}, ${why}`, hint }
      await assert.rejects(client.requestNow(request), expected)
      await assert.rejects(client.request(request), expected)
    }
  }
  assert.equal(server.connections, 0)
})

test('uses only the permitted addresses of a server-supplied name, and all addresses of a trusted name', async (t) => {
  await using server = await scriptedServer(ok)
  const url = new URL(server.url.replace('127.0.0.1', 'named.test'))
  const naming: Naming = { by: { ...publicRegistry, address: '127.0.0.1' }, trusted: [], option: 'options.storageHosts' }
  resolveAs(t, ['169.254.169.254', '127.0.0.1'])
  await using client = openClient()
  assert.equal((await client.requestNow({ method: 'GET', url, naming })).status, 200)
  const trusted: Naming = { by: publicRegistry, trusted: ['named.test'], option: 'options.storageHosts' }
  await using other = openClient()
  assert.equal((await other.requestNow({ method: 'GET', url, naming: trusted })).status, 200)
})

test('does not reuse a connection by name for a server that must not use its address', async (t) => {
  await using server = await scriptedServer(ok)
  const url = new URL(server.url.replace('127.0.0.1', 'named.test'))
  resolveAs(t, ['127.0.0.1'])
  await using client = openClient()
  assert.equal((await client.requestNow({ method: 'GET', url })).status, 200)
  const naming: Naming = { by: publicRegistry, trusted: [], option: 'options.storageHosts' }
  await assert.rejects(client.requestNow({ method: 'GET', url, naming }), { code: 'REFUSED_ADDRESS' })
})

// F79
test('reports a host that does not exist as unreachable', async (t) => {
  t.mock.method(dns, 'lookup', (name: string, _: unknown, callback: (error: Error) => void) =>
    setImmediate(() => callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }))),
  )
  await using client = openClient()
  await assert.rejects(get(client, 'https://no-such-host.test/'), { code: 'UNREACHABLE', message: /does not exist/, hint: /proxy/ })
})

test('ends the handshake on an abort', async () => {
  let accepted = 0
  await using server = await rawServer(() => accepted++)
  await using client = openClient()
  const controller = new AbortController()
  const running = get(client, `https://${server.host}/`, controller.signal)
  while (accepted === 0) await turn()
  controller.abort(new Error('enough'))
  await assert.rejects(running, { message: 'enough' })
})

const environments = (host: string, scheme = 'http'): Record<string, string> => ({
  HTTPS_PROXY: `${scheme}://us%40er:p%3Ass@${host}`,
  HTTP_PROXY: `${scheme}://us%40er:p%3Ass@${host}`,
})
const basic = `Basic ${Buffer.from('us@er:p:ss').toString('base64')}`

/** A server of which a proxy knows under the name registry.test. */
const registryTls = await authority.server({ names: ['registry.test', '10.9.8.7'] })

// F101
test('sends https through CONNECT with the credentials of the proxy and without those of the request', async () => {
  await using server = await scriptedServer(async (request, response) => void response.end(await request.readBody()), { tls: registryTls })
  await using proxy = await forwardProxy({ authorization: basic, leadsTo: Number(new URL(server.url).port) })
  await using client = openClient({ settings: () => ({ tls: trusted }), environment: environments(proxy.host) })
  const bytes = randomBytes(3_000_000)
  const headers = { authorization: 'Bearer secret' }
  const url = new URL('https://registry.test/v2/')
  for (let round = 0; round < 2; round++) {
    const answer = await client.requestNow({ method: 'PUT', url, body: bytes, headers, maxBytes: bytes.length })
    assert.ok(bytes.equals(answer.body))
  }
  assert.deepEqual(
    proxy.requests.map(({ method, target, authorization }) => [method, target, authorization]),
    [['CONNECT', 'registry.test:443', basic]],
  )
  assert.equal(server.requests[0]?.headers['proxy-authorization'], undefined)
  assert.equal(server.requests[0]?.headers.authorization, 'Bearer secret')
})

test('completes a tunnelled download with a slow reader', async () => {
  const bytes = randomBytes(6_000_000)
  await using server = await scriptedServer((_, response) => void response.end(bytes), { tls: registryTls })
  await using proxy = await forwardProxy({ leadsTo: Number(new URL(server.url).port) })
  await using client = openClient({ settings: () => ({ tls: trusted }), environment: environments(proxy.host) })
  const download = await client.download({ url: new URL('https://registry.test/') })
  const chunks: Buffer[] = []
  let busy = false
  await download.read(async (chunk) => {
    assert.equal(busy, false)
    busy = true
    const copy = Buffer.from(chunk)
    await turn()
    assert.ok(copy.equals(chunk))
    chunks.push(copy)
    busy = false
  })
  assert.ok(Buffer.concat(chunks).equals(bytes))
})

test('reports a broken tunnel as CONNECTION_LOST', async () => {
  await using server = await scriptedServer((_, response) => void response.writeHead(200, { 'content-length': 1000 }).write('half'), {
    tls: registryTls,
  })
  await using proxy = await forwardProxy({ leadsTo: Number(new URL(server.url).port) })
  await using client = openClient({ settings: () => ({ tls: trusted }), environment: environments(proxy.host) })
  const download = await client.download({ url: new URL('https://registry.test/') })
  const reading = download.read(() => void proxy.requests[0]?.socket.resetAndDestroy())
  await assert.rejects(reading, { code: 'CONNECTION_LOST' })
})

test('requires a certificate for the origin through a tunnel, also for an IP address', async () => {
  await using server = await scriptedServer(ok, { tls: registryTls })
  await using impostor = await scriptedServer(ok, { tls: await authority.server({ names: ['localhost', 'proxy.test'] }) })
  for (const [url, isRight] of [
    ['https://10.9.8.7/', true],
    ['https://10.9.8.6/', false],
    ['https://other.test/', false],
  ] as const) {
    for (const { url: at } of [server, impostor]) {
      await using proxy = await forwardProxy({ leadsTo: Number(new URL(at).port) })
      const viaName = environments(proxy.host.replace('127.0.0.1', 'localhost'))
      await using client = openClient({ settings: () => ({ tls: trusted }), environment: viaName })
      if (isRight && at === server.url) assert.equal(await get(client, url), 'ok')
      else await assert.rejects(get(client, url), { code: 'TLS', message: /another name/ }, url)
    }
  }
})

test('sends plain HTTP to the proxy with the full URL', async () => {
  await using server = await scriptedServer(ok)
  await using proxy = await forwardProxy({ authorization: basic, leadsTo: Number(new URL(server.url).port) })
  await using client = openClient({ environment: environments(proxy.host) })
  assert.equal(await get(client, 'http://registry.test:5000/v2/?a=b'), 'ok')
  assert.equal(await get(client, 'http://registry.test:5000/v2/'), 'ok')
  assert.deepEqual(
    proxy.requests.map(({ method, target, authorization }) => [method, target, authorization]),
    [
      ['GET', 'http://registry.test:5000/v2/?a=b', basic],
      ['GET', 'http://registry.test:5000/v2/', basic],
    ],
  )
  assert.equal(server.requests[0]?.headers.host, 'registry.test:5000')
  assert.equal(server.requests[0]?.headers['proxy-authorization'], undefined)
})

test('connects directly to hosts in NO_PROXY and to loopback', async () => {
  await using server = await scriptedServer(ok)
  await using proxy = await forwardProxy()
  await using client = openClient({ environment: environments(proxy.host) })
  assert.equal(await get(client, server.url), 'ok')
  assert.equal(proxy.requests.length, 0)
})

for (const scheme of ['http', 'https'] as const) {
  const secured = scheme === 'https'
  // F101
  test(`reports a proxy that requires credentials (407, ${scheme})`, async () => {
    await using proxy = await forwardProxy({ authorization: 'Basic other' })
    await using client = openClient({ environment: environments(proxy.host) })
    await assert.rejects(get(client, `${scheme}://registry.test/`), (error: { code?: string; message: string; hint?: string }) => {
      assert.equal(error.code, 'UNAUTHORIZED')
      assert.match(error.message, /the proxy http:\/\/\S+ \(\w+\) requires credentials \(407\)$/)
      assert.match(error.hint ?? '', /^set HTTPS?_PROXY to http:\/\/<user>:<password>@/i)
      assert.doesNotMatch(`${error.message} ${error.hint}`, /p:ss|p%3Ass|us%40er/)
      return true
    })
    assert.equal(proxy.requests.length, 1)
  })

  // F101
  test(`reports a proxy that is down (${scheme})`, async () => {
    const proxy = await forwardProxy()
    await proxy[Symbol.asyncDispose]()
    await using client = openClient({ environment: environments(proxy.host) })
    await assert.rejects(get(client, `${scheme}://registry.test/`), {
      code: 'UNREACHABLE',
      message: `cannot connect to the proxy http://${proxy.host} (${scheme.toUpperCase()}_PROXY): the connection was refused`,
      hint: `check ${scheme.toUpperCase()}_PROXY, or list registry.test in NO_PROXY`,
    })
  })

  if (!secured) continue
  // F101
  test('reports a proxy that refuses the tunnel', async () => {
    for (const [refuse, code] of [
      [403, 'DENIED'],
      [502, 'UNAVAILABLE'],
    ] as const) {
      await using proxy = await forwardProxy({ refuse })
      await using client = openClient({ environment: environments(proxy.host) })
      await assert.rejects(get(client, 'https://registry.test:5000/'), {
        code,
        message: `cannot reach https://registry.test:5000: the proxy http://${proxy.host} (HTTPS_PROXY) refused the connection (${refuse})`,
        hint: /port 443/,
      })
    }
  })
}

test('reports a proxy that answers a CONNECT with other bytes, or closes', async () => {
  for (const [answer, code] of [
    ['SSH-2.0\r\n\r\n', 'PROTOCOL'],
    ['', 'CONNECTION_LOST'],
    ['x'.repeat(100_000), 'PROTOCOL'],
  ] as const) {
    await using proxy = await rawServer((socket) => void socket.end(answer))
    await using client = openClient({ environment: environments(proxy.host) })
    await assert.rejects(get(client, 'https://registry.test/'), {
      code,
      message: new RegExp(`the proxy http://${proxy.host} \\(HTTPS_PROXY\\)`),
    })
  }
})

test('opens a tunnel on any 2xx', async () => {
  await using server = await scriptedServer(ok, { tls: registryTls })
  const proxy = await listen(
    createSocketServer((socket) => {
      socket
        .on('error', () => undefined)
        .once('data', () => {
          socket.write('HTTP/1.0 299 Fine\r\n')
          socket.write('\r\n')
          const onward = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined)
          socket.pipe(onward).pipe(socket)
        })
    }),
  )
  const client = openClient({ settings: () => ({ tls: trusted }), environment: environments(`127.0.0.1:${proxy.port}`) })
  assert.equal(await get(client, 'https://registry.test/'), 'ok')
  await client.close()
  await proxy.close()
})

test('stops waiting for a silent proxy on an abort', async () => {
  let closed = 0
  await using proxy = await forwardProxy({ silent: true })
  await using client = openClient({ environment: environments(proxy.host) })
  const controller = new AbortController()
  const running = get(client, 'https://registry.test/', controller.signal)
  while (proxy.requests.length === 0) await turn()
  proxy.requests[0]?.socket.on('end', () => closed++).resume()
  controller.abort(new Error('enough'))
  await assert.rejects(running, { message: 'enough' })
  while (closed === 0) await turn()
})

test('closes the tunnels of a client with the client', async () => {
  await using server = await scriptedServer(ok, { tls: registryTls })
  await using proxy = await forwardProxy({ leadsTo: Number(new URL(server.url).port) })
  const client = openClient({ settings: () => ({ tls: trusted }), environment: environments(proxy.host) })
  await get(client, 'https://registry.test/')
  let closed = 0
  proxy.requests[0]?.socket.on('close', () => closed++)
  await client.close()
  while (closed === 0) await turn()
})

test('sends no credentials to an https proxy with an untrusted certificate', async () => {
  await using proxy = await forwardProxy({ tls })
  await using client = openClient({ settings: () => ({ tls: trusted }), environment: environments(proxy.host, 'https') })
  for (const scheme of ['http', 'https']) {
    await assert.rejects(get(client, `${scheme}://registry.test/`), {
      code: 'TLS',
      message: new RegExp(`the proxy https://${proxy.host} \\(${scheme.toUpperCase()}_PROXY\\)`),
    })
  }
  assert.equal(proxy.requests.length, 0)
})

test('times out in a TLS handshake that never completes', async () => {
  const silent = createSocketServer((socket) => socket.on('error', () => undefined))
  const { port, close } = await listen(silent)
  try {
    await using client = openClient({ timeout: 50 })
    const url = `https://127.0.0.1:${port}/`
    await assert.rejects(get(client, url), { code: 'TIMEOUT', message: /^cannot connect to https:\S+: timed out$/ })
    await assert.rejects(client.request({ method: 'GET', url: new URL(url) }), { code: 'TIMEOUT' })
  } finally {
    await close()
  }
})
