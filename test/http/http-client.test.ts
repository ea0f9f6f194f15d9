import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpClient } from '../../src/http/http-client.ts'
import type { HttpRequest, HttpResponse } from '../../src/http/message.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { scriptedServer, type ScriptedHandler } from '../servers/scripted-server.ts'
import { openClient } from './open-client.ts'

/** The three ways to GET, as one. */
const ways: readonly (readonly [name: string, get: (client: HttpClient, request: Omit<HttpRequest, 'method'>) => Promise<HttpResponse>])[] =
  [
    ['request', (client, request) => client.request({ method: 'GET', ...request })],
    ['requestNow', (client, request) => client.requestNow({ method: 'GET', ...request })],
    [
      'download',
      async (client, request) => {
        const download = await client.download(request)
        return { status: download.status, headers: download.headers, url: download.url, body: await download.bytes(1000) }
      },
    ],
  ]

/** Redirects `/<n>` to `/<n-1>` with one of the statuses, and answers `/0`. */
const countdown: ScriptedHandler = (request, response) => {
  const left = Number(request.url.slice(1))
  if (left === 0) return void response.end('arrived')
  response.writeHead([301, 302, 307, 308][left % 4] ?? 307, { location: `/${left - 1}` }).end('elsewhere')
}

for (const [name, get] of ways) {
  // F87
  test(`${name}: follows redirects up to the given number`, async () => {
    const asked: string[] = []
    await using server = await scriptedServer(countdown)
    await using client = openClient({ onRequest: (method, url) => asked.push(`${method} ${url.pathname}`) })
    const answer = await get(client, { url: new URL(`${server.url}/3`), redirects: 3 })
    assert.equal(Buffer.from(answer.body).toString(), 'arrived')
    assert.equal(answer.url.pathname, '/0')
    assert.deepEqual(asked, ['GET /3', 'GET /2', 'GET /1', 'GET /0'])
    assert.equal((await get(client, { url: new URL(`${server.url}/10`), redirects: 10 })).status, 200)
    await assert.rejects(get(client, { url: new URL(`${server.url}/11`), redirects: 10 }), {
      code: 'PROTOCOL',
      message: `${server.url} redirects more than 10 times`,
    })
    // the request allows no redirects
    assert.equal((await get(client, { url: new URL(`${server.url}/1`) })).status, 302)
    if (name !== 'request') assert.equal(server.connections, 1)
  })

  // F87
  test(`${name}: stops in a redirect loop`, async () => {
    await using server = await scriptedServer((_, response) => void response.writeHead(302, { location: '/' }).end())
    await using client = openClient()
    await assert.rejects(get(client, { url: new URL(server.url), redirects: 5 }), { code: 'PROTOCOL', message: /more than 5 times/ })
    assert.equal(server.requests.length, 6)
  })

  // F88
  test(`${name}: refuses a redirect from https to http`, async () => {
    const authority = await certificateAuthority()
    await using plain = await scriptedServer((_, response) => void response.end('plain'))
    await using secure = await scriptedServer(
      (_, response) => void response.writeHead(307, { location: `${plain.url}/blob?sig=s3cret` }).end(),
      {
        tls: await authority.server(),
      },
    )
    await using client = openClient({ settings: () => ({ tls: { ca: authority.certificate } }) })
    await assert.rejects(get(client, { url: new URL(secure.url), redirects: 3 }), (error: { code?: string; message: string }) => {
      assert.equal(error.code, 'REFUSED_ADDRESS')
      assert.match(error.message, /not encrypted/)
      assert.doesNotMatch(error.message, /s3cret/)
      return true
    })
    assert.equal(plain.requests.length, 0)
  })

  // F89
  test(`${name}: refuses a redirect to the metadata address`, async () => {
    await using server = await scriptedServer(
      (_, response) => void response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end(),
    )
    await using client = openClient()
    await assert.rejects(get(client, { url: new URL(server.url), redirects: 3 }), { code: 'REFUSED_ADDRESS', message: /link-local/ })
  })

  // F90
  test(`${name}: sends no credentials and no custom headers to another host, nor after a redirect back`, async () => {
    await using home = await scriptedServer((request, response) => {
      if (request.url === '/back') return void response.end('home')
      response.writeHead(307, { location: `${cdn.url}/blob?X-Sig=a%2Fb~c%20d` }).end()
    })
    await using cdn = await scriptedServer((request, response) => {
      if (request.index > 0) return void response.end()
      response.writeHead(302, { location: `${home.url}/back` }).end()
    })
    await using client = openClient()
    const headers = { authorization: 'Bearer secret', cookie: 'a=b', 'x-custom': 'c', accept: 'a/b', Range: 'bytes=5-' }
    const answer = await get(client, { url: new URL(home.url), redirects: 3, headers })
    assert.equal(Buffer.from(answer.body).toString(), 'home')
    const [first, last] = home.requests
    const [between] = cdn.requests
    assert.equal(first?.headers.authorization, 'Bearer secret')
    assert.equal(between?.url, '/blob?X-Sig=a%2Fb~c%20d')
    for (const seen of [between, last]) {
      const { authorization, cookie, 'x-custom': custom, accept, range } = seen?.headers ?? {}
      assert.deepEqual([authorization, cookie, custom, accept, range], [undefined, undefined, undefined, 'a/b', 'bytes=5-'])
    }
  })

  // F90
  test(`${name}: keeps headers within the origin`, async () => {
    await using server = await scriptedServer(countdown)
    await using client = openClient()
    await get(client, { url: new URL(`${server.url}/1`), redirects: 1, headers: { authorization: 'Bearer secret' } })
    assert.deepEqual(
      server.requests.map(({ headers }) => headers.authorization),
      ['Bearer secret', 'Bearer secret'],
    )
  })

  // F91
  test(`${name}: rejects a redirect without a Location or with two`, async () => {
    await using server = await scriptedServer((request, response) => {
      if (request.url === '/two') response.setHeader('location', ['/a', '/b'])
      response.writeHead(302).end()
    })
    await using client = openClient()
    await assert.rejects(get(client, { url: new URL(`${server.url}/two`), redirects: 3 }), {
      code: 'PROTOCOL',
      message: /with two Location headers/,
    })
    await assert.rejects(get(client, { url: new URL(`${server.url}/none`), redirects: 3 }), {
      code: 'PROTOCOL',
      message: /without a Location/,
    })
    assert.equal(server.requests.length, 2)
  })

  test(`${name}: ignores the body of a redirect, even a long or broken one`, async () => {
    await using server = await scriptedServer((request, response) => {
      if (request.url === '/there') return void response.end('there')
      if (request.url === '/long') return void response.writeHead(302, { location: '/there' }).end(Buffer.alloc(100_000))
      response.writeHead(302, { location: '/there', 'content-length': '100' }).write('half', () => request.socket.destroy())
    })
    await using client = openClient()
    for (const path of ['long', 'broken']) {
      assert.equal((await get(client, { url: new URL(`${server.url}/${path}`), redirects: 1 })).status, 200)
    }
  })

  test(`${name}: rejects an injected header before any request`, async () => {
    await using server = await scriptedServer((_, response) => void response.end())
    await using client = openClient()
    const bad = [
      { 'x-a': 'b\r\nauthorization: evil' },
      { 'x-a': 'b\n' },
      { 'x-a': '\u010d\u010aevil: 1' },
      { 'x a': 'b' },
      { 'x\r\ny': 'b' },
      { '': 'b' },
    ]
    for (const headers of bad as readonly Record<string, string>[]) {
      await assert.rejects(get(client, { url: new URL(server.url), headers }), (error: { code?: string; message: string }) => {
        assert.equal(error.code, 'USAGE')
        assert.doesNotMatch(error.message, /evil/)
        return true
      })
    }
    assert.equal(server.requests.length, 0)
  })
}
