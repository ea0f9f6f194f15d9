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
test('Basic credentials go out only after a Basic challenge, then with every request', async () => {
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
test('a wrong password is tried once in a run, even by twenty requests at a time', async () => {
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
test('a registry that refuses one repository is asked once for it, and goes on serving the others', async () => {
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
test('without credentials nothing is sent again, and the places that were searched are named', async () => {
  await using registry = await basicRegistry('alice:x')
  const client = new HttpClient()
  const nowhere = ['/etc/rancher/k3s/registries.yaml', '/home/u/.docker/config.json'].map((name) => ({
    name,
    find: () => Promise.resolve(undefined),
  }))
  const authorizer = createAuthorizer({ client, credentials: nowhere })
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
test('an anonymous token is asked for with service and scope, without credentials, and used until it ends', async () => {
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

test('a HEAD learns the challenge as a GET does, and credentials go to the token server as Basic', async () => {
  await using setup = await tokenSetup({ authorizer: { credentials: [alice] } })
  const { authorizer, client, registry, tokenServer } = setup
  await sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a'), pushScope('mirror/a')], { method: 'HEAD' })
  assert.equal(decodeBasic(tokenServer.requests[0]?.headers.authorization), `alice:${canary}`)
  assert.deepEqual(scopesOf(tokenServer.requests[0]?.url ?? ''), ['repository:mirror/a:pull,push', 'repository:rancher/a:pull'])
  assert.ok(registry.requests.every(({ headers }) => !headers.authorization?.startsWith('Basic')))
})

test('a 401 without a challenge sends the question to /v2/, under the path that the registry stands under', async () => {
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
test('a token that ended meanwhile is replaced before or after the registry says so', async () => {
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
test('fifty requests whose token ended together ask for one new token', async () => {
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
test('insufficient_scope brings one wider token, which later requests ask for at once', async () => {
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

test('a request without scopes of its own takes those of the challenge', async () => {
  await using setup = await tokenSetup({ challenge: (realm) => `Bearer realm="${realm}",scope="registry:catalog:*"` })
  await sendAuthorized(setup.authorizer, setup.client, `${setup.registry.url}/v2/_catalog`, [])
  assert.deepEqual(scopesOf(setup.tokenServer.requests[0]?.url ?? ''), ['registry:catalog:*'])
})

// G112
test('a registry that refuses every token is given two, and the error says how it was asked', async () => {
  await using setup = await tokenSetup({ accepts: () => false, authorizer: { credentials: [alice] } })
  const { authorizer, client, registry, tokenServer } = setup
  const error = await failureOf(sendAuthorized(authorizer, client, registry.url + path, [pullScope('rancher/a')]))
  assert.equal(error.code, 'UNAUTHORIZED')
  assert.equal(error.message, `${registry.host} refused the request (status 401): sent as user "alice", from the test`)
  assert.equal(registry.requests.length, 3)
  assert.equal(tokenServer.requests.length, 2)
})

// G116
test('fifty cold requests for two repositories ask for two tokens', async () => {
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

test('a token server that does not know the password is asked once, by fifty requests for as many repositories', async () => {
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

test('two scopes that are refused together leave the first one to be asked for alone', async () => {
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

test('a static registry token goes to its origin alone and is not asked for again', async () => {
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

test('the 401 of another origin, behind a redirect, teaches nothing', async () => {
  await using setup = await tokenSetup({ authorizer: { credentials: [alice] } })
  const { authorizer, client, registry, tokenServer } = setup
  await using front = await scriptedServer((_request, response) => void response.writeHead(307, { location: registry.url + path }).end())
  assert.equal((await sendAuthorized(authorizer, client, front.url + path, [], { redirects: 1 })).status, 401)
  assert.equal(tokenServer.requests.length, 0)
})

test('whoever aborts while a token is awaited leaves alone', async () => {
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

test('a registry that hides its repositories is asked for its challenge once, and by no node', async () => {
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

test('an answer to a busy registry proves nothing of the credentials', async () => {
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

test('a repository for which there are no credentials is asked for once more, when the challenge is known', async () => {
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
