import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { openVerified } from '../../src/copy/verified-content.ts'
import { isMirrorError, type MirrorError } from '../../src/errors.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { parseEndpoint } from '../../src/registry/endpoint.ts'
import { SourceRegistries } from '../../src/registry/registry.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { memoryRegistry, refuse } from '../servers/memory-registry.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { hasty, openRegistry } from './open-registry.ts'

const image = tinyImage()
const reference = (tag: string) => parseReference(`docker.io/a/b:${tag}`)

async function failure(work: Promise<unknown>): Promise<MirrorError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isMirrorError(error)) throw new Error('it did not fail as it should', { cause: error })
  return error
}

// F83
test('a Retry-After pauses every request to the registry, and is reported once', async () => {
  const arrivals: number[] = []
  let refusedAt = 0
  let arrived = (): void => undefined
  const three = new Promise<void>((resolve) => (arrived = resolve))
  await using server = await scriptedServer(async (request, response) => {
    arrivals.push(performance.now())
    if (request.index > 2) return void refuse(response, 404, 'MANIFEST_UNKNOWN')
    if (request.index === 2) arrived()
    await three
    refusedAt = performance.now()
    response.writeHead(429, { 'retry-after': '1' }).end()
  })
  const delays: number[] = []
  let closed: (() => void) | undefined
  const closing = new Promise<void>((resolve) => (closed = resolve))
  await using registry = openRegistry(server.url, {
    side: 'destination',
    onThrottled: ({ delay }) => {
      delays.push(delay)
      closed?.()
    },
  })
  const first = ['1', '2', '3'].map((tag) => registry.headManifest(reference(tag)))
  await closing
  const late = registry.headManifest(reference('4'))
  await Promise.all([...first, late])
  assert.deepEqual(delays, [1000])
  assert.equal(arrivals.length, 7)
  for (const at of arrivals.slice(3)) assert.ok(at - refusedAt > 950, `${at - refusedAt} ms`)
})

for (const retryAfter of ['Thu, 01 Jan 1970 00:00:00 GMT', '-1', '0', 'soon', '1e9', '']) {
  // F83
  test(`does not wait long for Retry-After "${retryAfter}"`, async () => {
    await using server = await scriptedServer((request, response) => {
      if (request.index < 3) response.writeHead(429, { 'retry-after': retryAfter }).end()
      else refuse(response, 404, 'MANIFEST_UNKNOWN')
    })
    const delays: number[] = []
    await using registry = openRegistry(server.url, { side: 'destination', onRetry: ({ delay }) => delays.push(delay) })
    assert.equal(await registry.headManifest(reference('1')), undefined)
    assert.equal(delays.length, 3)
    assert.ok(Math.max(...delays) <= hasty.maxDelay, `${delays.join(' ms, ')} ms`)
    assert.equal(server.requests.length, 4)
  })
}

// F83
test('fails at once for an excessive Retry-After, and does not delay other requests', async () => {
  await using server = await scriptedServer((request, response) => {
    if (request.url.endsWith('/1')) response.writeHead(429, { 'retry-after': '999999' }).end()
    else refuse(response, 404, 'MANIFEST_UNKNOWN')
  })
  await using registry = openRegistry(server.url, { side: 'destination', onThrottled: () => assert.fail('no request waits') })
  assert.equal((await failure(registry.headManifest(reference('1')))).code, 'THROTTLED')
  assert.equal(await registry.headManifest(reference('2')), undefined)
  assert.equal(server.requests.length, 2)
})

// F84
test('stops retrying endless 429 answers within the budget', async () => {
  await using busy = await scriptedServer((_request, response) => void response.writeHead(429, { 'retry-after': '1' }).end())
  await using registry = openRegistry(busy.url, { retry: { ...hasty, maxThrottled: 1500 } })
  const error = await failure(registry.headManifest(reference('1')))
  assert.deepEqual([error.code, error.side, busy.requests.length], ['THROTTLED', 'source', 2])
})

// F84
test('continues to read another registry while one answers 429', { timeout: 60_000 }, async () => {
  await using busy = await scriptedServer((_request, response) => void response.writeHead(429, { 'retry-after': '600' }).end())
  await using good = await memoryRegistry()
  good.hold('a/b', '1', image)
  let waits = (): void => undefined
  const waiting = new Promise<void>((resolve) => (waits = resolve))
  await using first = openRegistry(busy.url, { onThrottled: () => waits() })
  await using second = openRegistry(good.url)
  const endpoints = new Map([
    ['busy.example', parseEndpoint(busy.url)],
    ['*', parseEndpoint(good.url)],
  ])
  const source = new SourceRegistries(endpoints, ({ origin }) => (origin.origin === busy.url ? first : second))
  const abort = new AbortController()
  const throttled = source.headManifest(parseReference('busy.example/a/b:1'), { signal: abort.signal })
  await waiting
  for (let n = 0; n < 20; n++) assert.ok(await source.headManifest(parseReference(`docker.io/a/b:1`)))
  abort.abort()
  await assert.rejects(throttled, { name: 'AbortError' })
  assert.equal(busy.requests.length, 1)
})

// F84
test('stops after the usual number of attempts for endless 429 answers without Retry-After', async () => {
  await using busy = await scriptedServer((_request, response) => void response.writeHead(429).end())
  await using registry = openRegistry(busy.url)
  assert.equal((await failure(registry.headManifest(reference('1')))).code, 'THROTTLED')
  assert.equal(busy.requests.length, hasty.retries + 1)
})

// F85
test('succeeds after three 503 answers, and reports every retry', async () => {
  const retries: string[] = []
  await using server = await memoryRegistry((_request, response) =>
    server.requests.length <= 3 ? refuse(response, 503, 'UNAVAILABLE') : false,
  )
  server.hold('a/b', '1', image)
  await using registry = openRegistry(server.url, {
    onRetry: ({ attempt, error }) => retries.push(`${attempt} ${error.code} ${error.side}`),
  })
  assert.ok(await registry.getManifest(reference('1')))
  assert.deepEqual(retries, ['1 UNAVAILABLE source', '2 UNAVAILABLE source', '3 UNAVAILABLE source'])
})

/** A port of this machine where nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

// F79
test('fails fast for a registry that refuses connections, once for all images', async () => {
  let retries = 0
  await using registry = openRegistry(`http://127.0.0.1:${await closedPort()}`, { retry: { retries: 20 }, onRetry: () => retries++ })
  const first = await failure(registry.headManifest(reference('1')))
  assert.deepEqual([first.code, first.side, retries], ['UNREACHABLE', 'source', 3])
  const others = await Promise.all(Array.from({ length: 50 }, (_, n) => failure(registry.headManifest(reference(`${n}`)))))
  assert.deepEqual(new Set(others.map(({ code, message }) => `${code} ${message}`)), new Set([`${first.code} ${first.message}`]))
  assert.equal(retries, 3)
})

test('detects a storage that refuses connections once for all images, and continues to use the registry', async () => {
  const storage = `http://127.0.0.1:${await closedPort()}`
  await using server = await memoryRegistry(({ kind }, response) => {
    if (kind === 'blob-get') response.writeHead(307, { location: `${storage}/blob` }).end()
    return kind === 'blob-get'
  })
  server.hold('a/b', '1', image)
  let retries = 0
  await using registry = openRegistry(server.url)
  const [blob] = image.blobs
  assert.ok(blob)
  const read = (): Promise<unknown> => openVerified(registry, reference('1'), blob.descriptor, { onRetry: () => retries++ })
  assert.match((await failure(read())).message, /cannot connect to .* redirected there/)
  assert.equal(retries, 3)
  await Promise.all(Array.from({ length: 20 }, async () => failure(read())))
  assert.equal(retries, 3)
  assert.ok(await registry.getManifest(reference('1')))
})

test('waits for a registry that restarts during a run', async () => {
  const listener = createServer((_request, response) => void response.writeHead(404).end())
  const listen = async (server: Server, port: number): Promise<number> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const port = await listen(listener, 0)
  const restarted = createServer((_request, response) => void response.writeHead(404).end())
  const codes: string[] = []
  await using registry = openRegistry(`http://127.0.0.1:${port}`, {
    retry: { ...hasty, retries: 1000, maxDelay: 10 },
    onRetry: ({ error }) => {
      codes.push(error.code)
      if (codes.length === 8) restarted.listen(port, '127.0.0.1')
    },
  })
  assert.equal(await registry.headManifest(reference('1')), undefined)
  listener.closeAllConnections()
  listener.close()
  await once(listener, 'close')
  try {
    assert.equal(await registry.headManifest(reference('1')), undefined)
    assert.ok(codes.length >= 8)
    assert.deepEqual([...new Set(codes)], ['CONNECTION_LOST'])
    assert.equal(await registry.headManifest(reference('2')), undefined, 'nothing is held against it')
  } finally {
    restarted.closeAllConnections()
    restarted.close()
  }
})

test('bounds the number of concurrent small requests', async () => {
  let now = 0
  let most = 0
  let release: () => void = () => undefined
  const three = new Promise<void>((resolve) => (release = resolve))
  await using server = await scriptedServer(async (_request, response) => {
    most = Math.max(most, ++now)
    if (now === 3) release()
    await three
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    now--
    response.writeHead(404).end()
  })
  await using registry = openRegistry(server.url, { requests: 3 })
  await Promise.all(Array.from({ length: 40 }, (_, n) => registry.headManifest(reference(`${n}`))))
  assert.equal(most, 3)
})

test('bounds the number of concurrent manifest writes', async () => {
  let now = 0
  let most = 0
  let release: () => void = () => undefined
  const three = new Promise<void>((resolve) => (release = resolve))
  await using server = await memoryRegistry(async ({ kind }) => {
    if (kind !== 'manifest-put') return false
    most = Math.max(most, ++now)
    if (now === 3) release()
    await three
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    now--
    return false
  })
  server.hold('a/b', 'x', image)
  await using registry = openRegistry(server.url, { side: 'destination', requests: 3 })
  await Promise.all(Array.from({ length: 20 }, (_, n) => registry.putManifest(reference(`${n}`), image.root)))
  assert.equal(most, 3)
})

test("requests only pull for a source, and pull and push for a destination, under the endpoint's prefix", async () => {
  const scopes: (string | null)[] = []
  await using server = await memoryRegistry(({ path, headers, scripted }, response) => {
    if (path.startsWith('/token')) {
      scopes.push(new URL(path, server.url).searchParams.get('scope'))
      response.end('{"token":"t"}')
    } else if (headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${scripted.headers.host}/token"` }).end()
    } else return false
    return true
  })
  await using source = openRegistry(`${server.url}/mirror`)
  await using destination = openRegistry(server.url, { side: 'destination' })
  await source.headManifest(reference('1'))
  await destination.headManifest(reference('1'))
  assert.deepEqual(scopes, ['repository:mirror/a/b:pull', 'repository:a/b:pull,push'])
})

test('keeps the latest pull quota of the registry', async () => {
  let remaining = 76
  await using server = await memoryRegistry((_request, response) => {
    response.setHeader('ratelimit-limit', '100;w=21600')
    response.setHeader('ratelimit-remaining', `${remaining--};w=21600`)
    return false
  })
  server.hold('a/b', '1', image)
  await using registry = openRegistry(server.url)
  assert.equal(registry.rateLimit, undefined)
  for (const remaining of [76, 75]) {
    await registry.headManifest(reference('1'))
    assert.deepEqual(registry.rateLimit, { limit: 100, remaining, windowSeconds: 21600 })
  }
})

test('an abort ends every wait at once: before a retry, and during a Retry-After pause', { timeout: 60_000 }, async () => {
  await using busy = await scriptedServer((_request, response) => void response.writeHead(429, { 'retry-after': '600' }).end())
  const abort = new AbortController()
  let atGate: Promise<unknown> | undefined
  await using registry = openRegistry(busy.url, {
    onRetry: () => {
      atGate ??= assert.rejects(registry.headManifest(reference('2'), { signal: abort.signal }))
      setImmediate(() => abort.abort(new Error('enough')))
    },
  })
  await assert.rejects(registry.headManifest(reference('1'), { signal: abort.signal }))
  await atGate
  assert.equal(busy.requests.length, 1)
})
