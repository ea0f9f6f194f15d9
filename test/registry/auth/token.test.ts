import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createAuthorizer } from '../../../src/registry/auth/authorizer.ts'
import { pullScope, pushScope } from '../../../src/registry/auth/scope.ts'
import { scriptedServer, type ScriptedHandler } from '../../servers/scripted-server.ts'
import { alice, alwaysCredentials, canary, decodeBasic, sendAuthorized } from './send-authorized.ts'
import { failureOf, tokenSetup, type Setup } from './token-registry.ts'

const path = '/v2/rancher/a/manifests/1'
const identity = alwaysCredentials({ kind: 'identity-token', token: canary })
const send = ({ authorizer, client, registry }: Setup) =>
  sendAuthorized(authorizer, client, registry.url + path, [pushScope('mirror/a'), pullScope('rancher/a')])

// G108
test('reports a bounded error for an answer without a token, an HTML page and an endless answer', async () => {
  const endless = Buffer.alloc(64 * 1024, ' ')
  const answers: Readonly<Record<string, string | undefined>> = {
    'JSON without': '{}',
    'something other': '<html>log in</html>',
    long: undefined,
  }
  for (const [what, answer] of Object.entries(answers)) {
    let written = 0
    await using setup = await tokenSetup({
      token: (_request, response) => {
        if (answer !== undefined) return void response.end(answer)
        const more = (): void => {
          while (written < 1e9 && !response.destroyed) {
            written += endless.length
            if (!response.write(endless)) return void response.once('drain', more)
          }
        }
        more()
      },
    })
    const error = await failureOf(send(setup))
    assert.equal(error.code, 'PROTOCOL')
    if (answer !== undefined) assert.match(error.message, new RegExp(`the token server ${setup.tokenServer.host} returned ${what}`))
    assert.ok(written < 20e6, `${written} bytes were taken`)
  }
})

test('reports a busy or broken token server as a temporary failure', async () => {
  for (const [status, code, retryAfter] of [
    [429, 'THROTTLED', 7000],
    [503, 'UNAVAILABLE', 7000],
    [403, 'DENIED', undefined],
    [400, 'DENIED', undefined],
    [404, 'PROTOCOL', undefined],
  ] as const) {
    await using setup = await tokenSetup({
      token: (_request, response) => void response.writeHead(status, { 'retry-after': '7' }).end(canary),
      authorizer: { credentials: [alice] },
    })
    const error = await failureOf(send(setup))
    assert.deepEqual([error.code, retryAfter && error.retryAfter], [code, retryAfter])
    assert.ok(error.message.includes(`(status ${status})`) || error.message.includes(`status ${status}`))
  }
})

test('posts an identity token as a form with scopes separated by spaces', async () => {
  const forms: URLSearchParams[] = []
  await using setup = await tokenSetup({
    token: async (request, response) => {
      forms.push(new URLSearchParams((await request.readBody()).toString()))
      response.end('{"access_token":"t"}')
    },
    authorizer: { credentials: [identity] },
  })
  assert.equal((await send(setup)).status, 200)
  const [request] = setup.tokenServer.requests
  assert.deepEqual([request?.method, request?.url, request?.headers.authorization], ['POST', '/token', undefined])
  assert.deepEqual(Object.fromEntries(forms[0] ?? []), {
    grant_type: 'refresh_token',
    client_id: 'k3s-mirror',
    refresh_token: canary,
    service: 'registry.test',
    scope: 'repository:mirror/a:pull,push repository:rancher/a:pull',
  })
})

// G115
test('falls back to GET for a token server without OAuth2', async () => {
  for (const status of [400, 401, 404, 405]) {
    await using setup = await tokenSetup({
      token: (request, response) => {
        if (request.method === 'POST') response.writeHead(status).end()
        else response.end('{"token":"t"}')
      },
      authorizer: { credentials: [alwaysCredentials({ kind: 'identity-token', token: canary, username: '0000' })] },
    })
    assert.equal((await send(setup)).status, 200)
    assert.deepEqual(
      setup.tokenServer.requests.map(({ method, headers }) => [method, decodeBasic(headers.authorization)]),
      [
        ['POST', undefined],
        ['GET', `0000:${canary}`],
      ],
    )
  }
  await using setup = await tokenSetup({
    token: (_request, response) => void response.writeHead(403).end(),
    authorizer: { credentials: [identity] },
  })
  assert.equal((await failureOf(send(setup))).code, 'DENIED')
  assert.equal(setup.tokenServer.requests.length, 1)
})

// G113
test('sends no credentials to a realm of another owner, but requests anonymous tokens there', async () => {
  const seen: string[] = []
  await using other = await scriptedServer((request, response) => {
    seen.push(JSON.stringify(request.headers))
    response.end('{"token":"t"}')
  })
  const realm = other.url.replace('127.0.0.1', 'localhost')
  await using setup = await tokenSetup({ challenge: () => `Bearer realm="${realm}/token"`, authorizer: { credentials: [alice] } })
  const error = await failureOf(send(setup))
  assert.equal(error.code, 'REFUSED_ADDRESS')
  assert.match(
    error.message,
    /requested that its credentials \(as user "alice", from the test\) be sent to another host, localhost:\d+; they were not sent/,
  )
  assert.deepEqual(seen, [])

  const { client, registry } = setup
  assert.equal((await sendAuthorized(createAuthorizer({ client }), client, registry.url + path, [])).status, 200)
  assert.equal(seen.length, 1)
  assert.doesNotMatch(seen[0] ?? '', /authorization/)
  const allowed = createAuthorizer({ client, credentials: [alice], tokenHosts: ['localhost'] })
  assert.equal((await sendAuthorized(allowed, client, registry.url + path, [])).status, 200)
  assert.match(seen[1] ?? '', /Basic/)
})

// G113
test('sends no request to a realm at a refused address, even without credentials', async () => {
  for (const realm of ['null://127.0.0.1/v2/token', 'file:///etc/passwd', 'http://169.254.169.254/token', 'ftp://127.0.0.1/']) {
    await using setup = await tokenSetup({ challenge: () => `Bearer realm="${realm}"`, authorizer: { credentials: [alice] } })
    const error = await failureOf(send(setup))
    assert.equal(error.code, 'REFUSED_ADDRESS')
    assert.match(error.message, /nothing was sent to it/)
    assert.equal(setup.registry.requests.length, 1)
  }
})

test('follows a redirect of the token server within its origin, and to another only without credentials', async () => {
  await using elsewhere = await scriptedServer((_request, response) => void response.end('{"token":"t"}'))
  const inside = { token: redirectOnce('/real?x=1') }
  const outside = { token: redirectOnce(`${elsewhere.url}/real`) }
  {
    await using setup = await tokenSetup({ ...inside, authorizer: { credentials: [alice] } })
    assert.equal((await send(setup)).status, 200)
    assert.equal(decodeBasic(setup.tokenServer.requests[1]?.headers.authorization), `alice:${canary}`)
  }
  {
    await using setup = await tokenSetup({ ...outside, authorizer: { credentials: [alice] } })
    assert.equal((await failureOf(send(setup))).code, 'REFUSED_ADDRESS')
    assert.equal(elsewhere.requests.length, 0)
  }
  {
    await using setup = await tokenSetup(outside)
    assert.equal((await send(setup)).status, 200)
    assert.equal(elsewhere.requests[0]?.headers.authorization, undefined)
  }
  for (const location of ['http://169.254.169.254/', 'file:///x']) {
    await using setup = await tokenSetup({ token: redirectOnce(location) })
    assert.equal((await failureOf(send(setup))).code, 'REFUSED_ADDRESS')
  }
  await using loop = await tokenSetup({ token: (_request, response) => void response.writeHead(302, { location: '/token' }).end() })
  assert.equal((await failureOf(send(loop))).code, 'PROTOCOL')
  assert.equal(loop.tokenServer.requests.length, 4)
})

test('does not resend the form with an identity token after a redirect', async () => {
  await using elsewhere = await scriptedServer((_request, response) => void response.end('{"token":"t"}'))
  await using setup = await tokenSetup({
    token: (_request, response) => void response.writeHead(307, { location: `${elsewhere.url}/` }).end(),
    authorizer: { credentials: [identity] },
  })
  assert.equal((await failureOf(send(setup))).code, 'REFUSED_ADDRESS')
  assert.equal(elsewhere.requests.length, 0)
})

function redirectOnce(location: string): ScriptedHandler {
  return (request, response) => {
    if (request.index === 0) response.writeHead(307, { location }).end()
    else response.end('{"token":"t"}')
  }
}

test('sends the account in addition to Basic credentials, as Docker does, and reads a compressed answer', async () => {
  await using setup = await tokenSetup({
    token: (request, response) => {
      if (new URL(request.url, 'http://x').searchParams.get('account') !== 'alice') return void response.writeHead(400).end()
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"token":"t"}'))
    },
    authorizer: { credentials: [alice] },
  })
  assert.equal((await send(setup)).status, 200)
})

test('prints the reason of a token server unless its answer repeats the secret', async () => {
  for (const [body, shown] of [
    ['{"details":"use a personal access token"}', /\(status 401: use a personal access token\): asked as user "alice"/],
    [`{"message":"${canary} is wrong"}`, /\(status 401\): asked as user "alice"/],
    [Buffer.from(`alice:${canary}`).toString('base64'), /\(status 401\): asked as user "alice"/],
  ] as const) {
    await using setup = await tokenSetup({
      token: (_request, response) => void response.writeHead(401).end(body),
      authorizer: { credentials: [alice] },
    })
    assert.match((await failureOf(send(setup))).message, shown)
  }
})

test('treats an empty token as a refusal', async () => {
  await using setup = await tokenSetup({ token: (_request, response) => void response.end('{"token":""}') })
  const { code, hint } = await failureOf(send(setup))
  assert.equal(code, 'UNAUTHORIZED')
  assert.match(hint ?? '', /log in/)
})
