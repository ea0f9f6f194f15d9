import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpClient } from '../../../src/http/http-client.ts'
import { createAuthorizer, type Authorizer } from '../../../src/registry/auth/authorizer.ts'
import type { CredentialsSource } from '../../../src/registry/auth/credentials.ts'
import { pullScope, pushScope } from '../../../src/registry/auth/scope.ts'
import { scriptedServer } from '../../servers/scripted-server.ts'
import { alice, alwaysCredentials, canary, decodeBasic, sendAuthorized } from './send-authorized.ts'
import { failureOf, tokenSetup } from './token-registry.ts'

const scopesOf = (url: string): string[] => new URL(url, 'http://x').searchParams.getAll('scope')
const path = '/v2/rancher/a/manifests/1'

/** A registry that asks for Basic and takes one password. */
async function basicRegistry(right: string) {
  return scriptedServer((request, response) => {
    if (decodeBasic(request.headers.authorization) === right) return void response.end('content')
    response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end()
  })
}

// G106
test('sends Basic credentials only after a Basic challenge, then with every request', async () => {
  await using registry = await basicRegistry(`alice:${canary}`)
  const client = new HttpClient()
  const authorizer = createAuthorizer({ client, credentials: [alice] })
  assert.equal((await sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a')])).status, 200)
  assert.equal((await sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a')], { method: 'HEAD' })).status, 200)
  await client.close()
  assert.deepEqual(
    registry.requests.map(({ method, url, headers }) => [method, url, headers.authorization !== undefined]),
    [
      ['GET', path, false],
      ['GET', path, true],
      ['HEAD', path, true],
    ],
  )
})

// G106
test('sends a wrong password once in a run, even for twenty concurrent requests', async () => {
  await using registry = await basicRegistry('alice:another')
  const client = new HttpClient()
  const authorizer = createAuthorizer({ client, credentials: [alice] })
  const send = (): Promise<unknown> => sendAuthorized(authorizer, client, registry.url + path, [])
  const errors = await Promise.all(Array.from({ length: 20 }, () => failureOf(send())))
  errors.push(await failureOf(send()))
  await client.close()
  for (const error of errors) {
    assert.equal(error.code, 'UNAUTHORIZED')
    assert.match(error.message, new RegExp(`^${registry.host} refused the credentials sent as user "alice", from the test$`))
  }
  assert.equal(registry.requests.filter(({ headers }) => headers.authorization !== undefined).length, 1)
})

// G106
test('asks once for a repository that the registry refuses, and continues with the other repositories', async () => {
  await using registry = await scriptedServer((request, response) => {
    if (request.headers.authorization !== undefined && !request.url.includes('/secret/')) return void response.end('content')
    response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end()
  })
  const client = new HttpClient()
  const authorizer = createAuthorizer({ client, credentials: [alice] })
  const error = await failureOf(sendAuthorized(authorizer, client, `${registry.url}/v2/secret/a/manifests/1`, []))
  assert.match(error.message, /refused the credentials sent as user "alice", from the test$/)
  assert.equal(registry.requests.filter(({ url }) => url.includes('/secret/')).length, 2)
  assert.equal((await sendAuthorized(authorizer, client, registry.url + path, [])).status, 200)
  await client.close()
})

// G106
test('does not resend a request without credentials, and names the sources that were searched', async () => {
  await using registry = await basicRegistry('alice:x')
  const client = new HttpClient()
  const withoutCredentials = ['/etc/rancher/k3s/registries.yaml', '/home/u/.docker/config.json'].map((name) => ({
    name,
    find: () => Promise.resolve(undefined),
  }))
  const authorizer = createAuthorizer({ client, credentials: withoutCredentials })
  const error = await failureOf(sendAuthorized(authorizer, client, registry.url + path, []))
  await client.close()
  assert.equal(error.code, 'UNAUTHORIZED')
  assert.ok(
    error.message.includes(
      `no credentials were found for ${registry.host}; looked in /etc/rancher/k3s/registries.yaml, /home/u/.docker/config.json`,
    ),
  )
  assert.equal(registry.requests.length, 1)
})

// G107
test('requests an anonymous token with service and scope, and reuses it until it expires', async () => {
  await using setup = await tokenSetup()
  const { authorizer, client, registry, tokenServer } = setup
  for (const method of ['GET', 'HEAD'] as const) {
    assert.equal((await sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a')], { method })).status, 200)
  }
  assert.deepEqual(
    tokenServer.requests.map(({ method, url, headers }) => [method, url, headers.authorization]),
    [['GET', '/token?service=registry.test&scope=repository%3Arancher%2Fa%3Apull', undefined]],
  )
  assert.deepEqual(
    registry.requests.map(({ headers }) => headers.authorization),
    [undefined, 'Bearer t1', 'Bearer t1'],
  )
})

test('reads the challenge from a HEAD too, and sends credentials to the token server as Basic', async () => {
  await using setup = await tokenSetup({ authorizer: { credentials: [alice] } })
  const { authorizer, client, registry, tokenServer } = setup
  await sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a'), pushScope('mirror/a')], { method: 'HEAD' })
  assert.equal(decodeBasic(tokenServer.requests[0]?.headers.authorization), `alice:${canary}`)
  assert.deepEqual(scopesOf(tokenServer.requests[0]?.url ?? ''), ['repository:mirror/a:pull,push', 'repository:rancher/a:pull'])
  assert.ok(registry.requests.every(({ headers }) => !headers.authorization?.startsWith('Basic')))
})

test('looks for the challenge at /v2/ below the path of the registry after a 401 without one', async () => {
  await using setup = await tokenSetup({
    challenge: (realm, { url }) => (url === '/proxy/v2/' ? `Bearer realm="${realm}"` : undefined),
  })
  const { authorizer, client, registry } = setup
  assert.equal((await sendAuthorized(authorizer, client, `${registry.url}/proxy${path}`, [])).status, 200)
  assert.deepEqual(
    registry.requests.map(({ url }) => url),
    [`/proxy${path}`, '/proxy/v2/', `/proxy${path}`],
  )
  const error = await failureOf(sendAuthorized(createAuthorizer({ client }), client, registry.url + path, []))
  assert.match(error.message, /without an authentication challenge/)
})

// G110
test('replaces an expired token before or after the registry refuses it', async () => {
  let now = 0
  let valid = 't1'
  await using setup = await tokenSetup({
    accepts: (token) => token === valid,
    token: (request, response) => {
      valid = `t${request.index + 1}`
      response.end(JSON.stringify({ token: valid, expires_in: 300 }))
    },
    authorizer: { clock: { date: () => now, monotonic: () => now } },
  })
  const { authorizer, client, registry, tokenServer } = setup
  const send = () => sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a')])
  await send()
  now = 269_000
  await send()
  assert.equal(tokenServer.requests.length, 1)
  now = 271_000
  await send()
  assert.equal(tokenServer.requests.length, 2)
  assert.equal(registry.requests.length, 4)
  // revoked before its time: one refusal, one new token, and the request goes through
  valid = 'none'
  assert.equal((await send()).status, 200)
  assert.equal(tokenServer.requests.length, 3)
  assert.equal(registry.requests.length, 6)
})

// G110
test('requests one new token for fifty requests whose token expired', async () => {
  let valid = 't1'
  await using setup = await tokenSetup({
    accepts: (token) => token === valid,
    token: (request, response) => {
      valid = `t${request.index + 1}`
      response.end(JSON.stringify({ token: valid }))
    },
  })
  const { authorizer, client, registry, tokenServer } = setup
  const send = () => sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a')])
  await send()
  valid = 'none'
  const answers = await Promise.all(Array.from({ length: 50 }, send))
  assert.ok(answers.every(({ status }) => status === 200))
  assert.equal(tokenServer.requests.length, 2)
})

// G111
test('requests one wider token after insufficient_scope, and uses its scope for later requests', async () => {
  await using setup = await tokenSetup({
    token: (request, response) => void response.end(JSON.stringify({ token: scopesOf(request.url).join('+') })),
    accepts: (token) => token.includes('pull,push'),
    challenge: (realm) => `Bearer realm="${realm}",scope="repository:rancher/a:push,pull",error="insufficient_scope"`,
  })
  const { authorizer, client, registry, tokenServer } = setup
  const send = () => sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a')])
  assert.equal((await send()).status, 200)
  assert.equal((await send()).status, 200)
  assert.deepEqual(
    tokenServer.requests.map(({ url }) => scopesOf(url)),
    [['repository:rancher/a:pull'], ['repository:rancher/a:pull,push']],
  )
  assert.equal(registry.requests.length, 4)
})

test('uses the scopes of the challenge for a request without scopes', async () => {
  await using setup = await tokenSetup({ challenge: (realm) => `Bearer realm="${realm}",scope="registry:catalog:*"` })
  await sendAuthorized(setup.authorizer, setup.client, `${setup.registry.url}/v2/_catalog`, [])
  assert.deepEqual(scopesOf(setup.tokenServer.requests[0]?.url ?? ''), ['registry:catalog:*'])
})

// G112
test('sends two tokens to a registry that refuses every token, and reports which credentials were used', async () => {
  await using setup = await tokenSetup({ accepts: () => false, authorizer: { credentials: [alice] } })
  const { authorizer, client, registry, tokenServer } = setup
  const error = await failureOf(sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a')]))
  assert.equal(error.code, 'UNAUTHORIZED')
  assert.equal(error.message, `${registry.host} refused the request (status 401): sent as user "alice", from the test`)
  assert.equal(registry.requests.length, 3)
  assert.equal(tokenServer.requests.length, 2)
})

// G116
test('requests two tokens for fifty initial requests to two repositories', async () => {
  let lookups = 0
  const counted: CredentialsSource = {
    name: 'counted',
    find(origin) {
      lookups++
      return alice.find(origin)
    },
  }
  await using setup = await tokenSetup({ authorizer: { credentials: [counted] } })
  const { authorizer, client, registry, tokenServer } = setup
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => sendAuthorized(authorizer, client, registry.url + path, [pullScope(`rancher/${i % 2}`)])),
  )
  assert.deepEqual(tokenServer.requests.map(({ url }) => scopesOf(url).join()).toSorted(), [
    'repository:rancher/0:pull',
    'repository:rancher/1:pull',
  ])
  assert.equal(lookups, 1)
})

test('asks a token server that refuses the password once for fifty requests to fifty repositories', async () => {
  await using setup = await tokenSetup({
    token: (_request, response) => void response.writeHead(401).end(canary),
    authorizer: { credentials: [alice] },
  })
  const { authorizer, client, registry, tokenServer } = setup
  const send = (i: number): Promise<unknown> => sendAuthorized(authorizer, client, registry.url + path, [pullScope(`rancher/${i}`)])
  const errors = await Promise.all(Array.from({ length: 50 }, (_, i) => failureOf(send(i))))
  for (const { code, message } of errors) {
    assert.equal(code, 'UNAUTHORIZED')
    assert.equal(
      message,
      `the token server ${tokenServer.host} of ${registry.host} gave no token (status 401): asked as user "alice", from the test`,
    )
  }
  assert.equal(tokenServer.requests.length, 1)
})

test('can request the first of two scopes after a token for both was refused', async () => {
  await using setup = await tokenSetup({
    token: (request, response) => {
      if (scopesOf(request.url).length > 1) response.writeHead(401).end()
      else response.end('{"token":"t"}')
    },
    authorizer: { credentials: [alice] },
  })
  const { authorizer, client, registry } = setup
  const error = await failureOf(sendAuthorized(authorizer, client, registry.url + path, [pushScope('mirror/a'), pullScope('rancher/a')]))
  assert.equal(error.code, 'UNAUTHORIZED')
  assert.equal((await sendAuthorized(authorizer, client, registry.url + path, [pushScope('mirror/a')])).status, 200)
})

test('sends a static registry token only to its origin, and requests no other token', async () => {
  await using setup = await tokenSetup({
    accepts: (token) => token === 'static',
    authorizer: { credentials: [alwaysCredentials({ kind: 'registry-token', token: 'static' })] },
  })
  const { authorizer, client, registry, tokenServer } = setup
  assert.equal((await sendAuthorized(authorizer, client, registry.url + path, [])).status, 200)
  const wrong = createAuthorizer({ client, credentials: [alwaysCredentials({ kind: 'registry-token', token: canary })] })
  const error = await failureOf(sendAuthorized(wrong, client, registry.url + path, []))
  assert.match(error.message, /sent with a registry token from the test/)
  assert.equal(registry.requests.length, 4)
  assert.equal(tokenServer.requests.length, 0)
})

test('ignores the challenge of another origin after a redirect', async () => {
  await using setup = await tokenSetup({ authorizer: { credentials: [alice] } })
  const { authorizer, client, registry, tokenServer } = setup
  await using front = await scriptedServer((_request, response) => void response.writeHead(307, { location: registry.url + path }).end())
  assert.equal((await sendAuthorized(authorizer, client, front.url + path, [], { redirects: 1 })).status, 401)
  assert.equal(tokenServer.requests.length, 0)
})

test('an abort while a token is requested rejects only its own request', async () => {
  const asked = deferred()
  const released = deferred()
  await using setup = await tokenSetup({
    token: async ({ index }, response) => {
      if (index > 0) {
        asked.resolve()
        await released.promise
      }
      response.end('{"token":"t"}')
    },
  })
  const { authorizer, client, registry, tokenServer } = setup
  // From here on the challenge is known: both of the next two wait for one token before either has sent anything.
  await sendAuthorized(authorizer, client, registry.url + path, [])
  const scopes = ['repository:other:pull']
  const controller = new AbortController()
  const impatient = sendAuthorized(authorizer, client, registry.url + path, scopes, { signal: controller.signal })
  const patient = sendAuthorized(authorizer, client, registry.url + path, scopes)
  await asked.promise
  controller.abort(new Error('enough'))
  await assert.rejects(impatient, /enough/)
  released.resolve()
  assert.equal((await patient).status, 200)
  assert.equal(tokenServer.requests.length, 2)
})

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = (): void => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve: () => resolve() }
}

test('asks a registry that hides its repositories once for its challenge, and never on behalf of a node', async () => {
  let pings = 0
  await using registry = await scriptedServer((request, response) => {
    if (request.url === '/v2/') {
      pings++
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    }
    response.writeHead(request.headers.authorization === undefined ? 404 : 200).end()
  })
  const client = new HttpClient()
  const send = (authorizer: Authorizer) => sendAuthorized(authorizer, client, registry.url + path, [])
  const authorizer = createAuthorizer({ client, credentials: [alice] })
  const answers = await Promise.all(Array.from({ length: 10 }, () => send(authorizer)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  assert.equal(pings, 1)
  assert.equal((await send(createAuthorizer({ client, credentials: [alice], probes: false }))).status, 404)
  assert.equal((await send(createAuthorizer({ client }))).status, 404)
  assert.equal(pings, 1)
  await client.close()
})

test('does not count an answer of 503 as proof of valid credentials', async () => {
  let seen = 0
  await using registry = await scriptedServer((request, response) => {
    if (request.headers.authorization === undefined) return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    response.writeHead(++seen === 1 ? 503 : 401).end()
  })
  const client = new HttpClient()
  const authorizer = createAuthorizer({ client, credentials: [alice] })
  assert.equal((await sendAuthorized(authorizer, client, registry.url + path, [])).status, 503)
  assert.match((await failureOf(sendAuthorized(authorizer, client, registry.url + path, []))).message, /refused the credentials/)
  await failureOf(sendAuthorized(authorizer, client, registry.url + path, []))
  assert.equal(seen, 2)
  await client.close()
})

test('retries a repository without credentials once after the challenge is known', async () => {
  await using registry = await scriptedServer((request, response) => {
    if (request.url.includes('/open/')) return void response.writeHead(404).end()
    if (request.headers.authorization !== undefined) return void response.end('content')
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
  })
  const client = new HttpClient()
  const source = {
    name: 'the test',
    find: (_origin: string, { repository }: { readonly repository?: string | undefined } = {}) =>
      Promise.resolve(repository === 'open/a' ? undefined : { kind: 'basic' as const, username: 'alice', password: canary }),
  }
  const authorizer = createAuthorizer({ client, credentials: [source] })
  assert.equal((await sendAuthorized(authorizer, client, registry.url + path, [])).status, 200)
  for (const status of [404, 404]) {
    assert.equal((await sendAuthorized(authorizer, client, `${registry.url}/v2/open/a/manifests/1`, [])).status, status)
  }
  assert.ok(registry.requests.filter(({ url }) => url.includes('/open/')).length <= 4)
  await client.close()
})
