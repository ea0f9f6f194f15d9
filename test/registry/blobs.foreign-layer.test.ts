import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { openVerified } from '../../src/copy/verified-content.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { openForeignLayer } from '../../src/registry/blobs.ts'
import { bytesOf } from '../layout/tiny-image.ts'
import { memoryRegistry, refuse, type Intercept } from '../servers/memory-registry.ts'
import { scriptedServer, type ScriptedHandler, type ScriptedRequest } from '../servers/scripted-server.ts'
import { hasty, openRegistry, openSession } from './open-registry.ts'

const layer = randomBytes(200_000)
const repository = { registry: 'docker.io', path: 'a/b' }

function foreign(...urls: readonly string[]): Descriptor {
  return { mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', digest: sha256(layer), size: layer.length, urls }
}

const serve: ScriptedHandler = (request, response) => {
  const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0)
  const range = { 'content-range': `bytes ${start}-${layer.length - 1}/${layer.length}` }
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': layer.length - start, ...(start > 0 && range) }).end(layer.subarray(start))
}

/** The layer as a copy reads it: from a registry that wants a password, and whose answers to blobs are the test's. */
async function read(descriptor: Descriptor, blob: Intercept = () => false) {
  await using registry = await memoryRegistry((request, response) => {
    if (request.headers.authorization !== undefined) return blob(request, response)
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    return true
  })
  await using source = openRegistry(registry.url, { credentials: ['alice', 'canary'] })
  return await bytesOf(await openVerified(source, repository, descriptor, { retry: hasty }))
}

function sawNoSecret(requests: readonly ScriptedRequest[]): void {
  for (const { headers, url } of requests) {
    assert.equal(headers.authorization, undefined)
    assert.doesNotMatch(JSON.stringify([url, headers]), /canary|YWxpY2U6/)
  }
}

// A19
test('reads a foreign layer from the registry when it is present', async () => {
  await using elsewhere = await scriptedServer(serve)
  const bytes = await read(foreign(elsewhere.url), ({ kind, scripted }, response) => {
    if (kind === 'blob-get') void serve(scripted, response)
    return kind === 'blob-get'
  })
  assert.deepEqual(bytes, layer)
  assert.equal(elsewhere.requests.length, 0)
})

// A19
test('reads a foreign layer that the registry lacks from its URL, without credentials', async () => {
  await using elsewhere = await scriptedServer(serve)
  assert.deepEqual(await read(foreign(`${elsewhere.url.replace('//', '//user:pw@')}/layer?sig=1`)), layer)
  assert.deepEqual(
    elsewhere.requests.map(({ url }) => url),
    ['/layer?sig=1'],
  )
  sawNoSecret(elsewhere.requests)
})

test('does not try the URL of a foreign layer when the registry denies access or is unavailable', async () => {
  await using elsewhere = await scriptedServer(serve)
  for (const status of [403, 500]) {
    await assert.rejects(
      read(foreign(elsewhere.url), ({ kind }, response) => kind === 'blob-get' && refuse(response, status, 'DENIED')),
      { code: status === 403 ? 'DENIED' : 'UNAVAILABLE' },
    )
  }
  assert.equal(elsewhere.requests.length, 0)
})

test('tries the next URL after a failure, up to five', async () => {
  await using elsewhere = await scriptedServer((request, response) =>
    request.url === '/good' ? serve(request, response) : void response.writeHead(404).end(),
  )
  const of = (...paths: readonly string[]) => foreign(...paths.map((path) => `${elsewhere.url}/${path}`))
  assert.deepEqual(await read(of('1', '2', 'good')), layer)
  await assert.rejects(read(of('1', '2', '3', '4', '5', 'good')), { code: 'NOT_FOUND', side: 'source' })
})

test('resumes an interrupted download', async () => {
  await using elsewhere = await scriptedServer((request, response) => {
    if (request.index > 0) return serve(request, response)
    response.writeHead(200, { 'content-length': layer.length })
    response.write(layer.subarray(0, 100_000), () => request.socket.destroySoon())
  })
  assert.deepEqual(await read(foreign(elsewhere.url)), layer)
  assert.equal(elsewhere.requests[1]?.headers.range, 'bytes=100000-')
})

test('rejects bytes that do not match the digest', async () => {
  await using elsewhere = await scriptedServer(
    (_request, response) => void response.end(Buffer.concat([layer.subarray(1), Buffer.from('x')])),
  )
  await assert.rejects(read(foreign(elsewhere.url)), { code: 'INTEGRITY' })
})

test('reports a layer without URLs as missing', async () => {
  await assert.rejects(read(foreign()), { code: 'NOT_FOUND' })
})

const options = { headers: {}, expect: [200] }

// F89
test('does not request a URL in a private network or with another scheme than http', async () => {
  await using opened = openSession('https://registry.example.com')
  const refused = [
    'http://169.254.169.254/latest/meta-data',
    'http://127.0.0.1/x',
    'http://localhost/x',
    'https://10.1.2.3/x',
    'https://192.168.0.1/x',
    'http://[::1]/x',
    'http://[fd00::1]/x',
    'http://0x7f.1/',
    'http://metadata.google.internal/',
    'file:///etc/passwd',
    'ftp://a.example/x',
    'data:,x',
    'x',
    '',
  ]
  for (const url of refused) {
    await assert.rejects(openForeignLayer(opened.transport, foreign(url), options), { code: 'REFUSED_ADDRESS' }, url)
  }
})

// F89
test('rejects a redirect of a foreign layer into the network of the machine', async () => {
  await using elsewhere = await scriptedServer(
    (_request, response) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
  )
  await assert.rejects(read(foreign(elsewhere.url)), { code: 'REFUSED_ADDRESS', message: /link-local/ })
})

test('sends no credentials to a URL at the registry itself', async () => {
  await using registry = await memoryRegistry(({ path, headers, scripted }, response) => {
    if (path === '/x') return (void serve(scripted, response), true)
    if (headers.authorization !== undefined) return false
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    return true
  })
  await using opened = openRegistry(registry.url, { credentials: ['alice', 'canary'] })
  const content = await openVerified(opened, repository, foreign(`${registry.url}/x`), { retry: hasty })
  assert.deepEqual(await bytesOf(content), layer)
  const [challenged, asked, elsewhere] = registry.requests.filter(({ kind }) => kind !== 'ping')
  assert.deepEqual(
    [challenged?.headers.authorization, asked?.headers.authorization !== undefined, elsewhere?.path],
    [undefined, true, '/x'],
  )
  sawNoSecret(registry.requests.filter(({ path }) => path === '/x').map(({ scripted }) => scripted))
})

test('stops on an abort', async () => {
  await using opened = openSession('http://127.0.0.1:1')
  const signal = AbortSignal.abort(new Error('enough'))
  await assert.rejects(openForeignLayer(opened.transport, foreign('http://127.0.0.1:1/'), { ...options, signal }), /enough/)
})
