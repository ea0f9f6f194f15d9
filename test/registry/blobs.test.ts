import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { bytesOf, tinyBlob } from '../layout/tiny-image.ts'
import { memoryRegistry, refuse, type Intercept } from '../servers/memory-registry.ts'
import { openWithServer, type OpenOptions } from './open-registry.ts'

const repository = { registry: 'docker.io', path: 'a/b' }
const { bytes, descriptor } = tinyBlob(randomBytes(50_000))

/** A registry that holds the blob, and a client for it. */
async function held(intercept?: Intercept, options: OpenOptions = {}) {
  const opened = await openWithServer(intercept, options)
  opened.server.blobs.set(`a/b@${descriptor.digest}`, Buffer.from(bytes))
  return opened
}

/** Answers reading of blobs. */
function reading(answer: (...args: Parameters<Intercept>) => void): Intercept {
  return (request, response) => {
    if (request.kind !== 'blob-get') return false
    answer(request, response)
    return true
  }
}

test('reads a blob unchanged, and requests no encoding', async () => {
  await using at = await held()
  assert.deepEqual(await bytesOf(await at.registry.getBlob(repository, descriptor)), bytes)
  assert.equal(at.server.requests[0]?.headers['accept-encoding'], 'identity')
  assert.equal(at.server.requests[0]?.headers.range, undefined)
})

test('reads a blob from an offset', async () => {
  await using at = await held()
  const content = await at.registry.getBlob(repository, descriptor, { offset: 20_000 })
  assert.equal(content.size, 30_000)
  assert.deepEqual(await bytesOf(content), bytes.subarray(20_000))
  assert.equal(at.server.requests[0]?.headers.range, 'bytes=20000-')
})

test('reports an absent blob as NOT_FOUND', async () => {
  await using at = await held()
  await assert.rejects(at.registry.getBlob({ ...repository, path: 'a/c' }, descriptor), { code: 'NOT_FOUND', side: 'source' })
})

// E69
test('skips the beginning of a 200 answer to a Range request', async () => {
  await using at = await held(reading((_request, response) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes)))
  assert.deepEqual(await bytesOf(await at.registry.getBlob(repository, descriptor, { offset: 20_000 })), bytes.subarray(20_000))
  assert.equal(at.server.requests.length, 1)
})

const whole = `bytes 20000-49999/50000`
for (const [what, headers] of [
  ['with a wrong start', { 'content-range': 'bytes 0-29999/50000' }],
  ['with a wrong end', { 'content-range': 'bytes 20000-49998/50000' }],
  ['with a wrong total', { 'content-range': 'bytes 20000-49999/50001' }],
  ['without Content-Range', {}],
  ['with a multipart body', { 'content-type': 'multipart/byteranges; boundary=x' }],
  ['with nonsense', { 'content-range': 'bytes x' }],
] as const) {
  // E70
  test(`reads the whole blob after a 206 ${what}`, async () => {
    await using at = await held((request, response) => {
      if (request.headers.range === undefined) return false
      response.writeHead(206, { ...headers, 'content-length': 30_000 }).end(bytes.subarray(0, 30_000))
      return true
    })
    assert.deepEqual(await bytesOf(await at.registry.getBlob(repository, descriptor, { offset: 20_000 })), bytes.subarray(20_000))
    assert.deepEqual(
      at.server.requests.map(({ headers: { range } }) => range),
      ['bytes=20000-', undefined],
    )
  })
}

// E70
test('accepts a 206 without the total size', async () => {
  await using at = await held(
    reading((_request, response) =>
      response.writeHead(206, { 'content-range': whole.replace('/50000', '/*') }).end(bytes.subarray(20_000)),
    ),
  )
  assert.deepEqual(await bytesOf(await at.registry.getBlob(repository, descriptor, { offset: 20_000 })), bytes.subarray(20_000))
})

// E71
test('reads from the start after a 416', async () => {
  await using at = await held(({ headers }, response) => (headers.range === undefined ? false : refuse(response, 416, 'RANGE_INVALID')))
  assert.deepEqual(await bytesOf(await at.registry.getBlob(repository, descriptor, { offset: 20_000 })), bytes.subarray(20_000))
})

// E66, E68
test('rejects a length that differs from the manifest before the body', async () => {
  for (const size of [49_999, 50_001, 0]) {
    await using at = await held(
      reading((_request, response) => response.writeHead(200, { 'content-length': size }).end(Buffer.alloc(size))),
    )
    await assert.rejects(at.registry.getBlob(repository, descriptor), { code: 'INTEGRITY', message: /declares/, side: 'source' })
  }
})

// E66
test('stops at the size in the manifest when the answer has no length', async () => {
  let sent = 0
  await using at = await held(
    reading((_request, response) => {
      response.writeHead(200)
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(10_000))) sent += 10_000
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    }),
  )
  let taken = 0
  const content = await at.registry.getBlob(repository, descriptor)
  await assert.rejects(
    content.read((chunk) => void (taken += chunk.length)),
    { code: 'INTEGRITY', message: /more bytes/ },
  )
  assert.ok(taken <= 50_000 && sent < 20_000_000)
})

// E65
test('reports a short body without a length as a lost connection', async () => {
  await using at = await held(
    reading((_request, response) => {
      response.shouldKeepAlive = false
      response.useChunkedEncodingByDefault = false
      response.writeHead(200).end(bytes.subarray(0, 10_000))
    }),
  )
  const content = await at.registry.getBlob(repository, descriptor)
  await assert.rejects(bytesOf(content), { code: 'CONNECTION_LOST', message: /closed the connection 40000 bytes before the end/ })
})

// E64
test('reports a truncated body as a lost connection', async () => {
  await using at = await held(
    reading(({ scripted }, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 10_000), () => scripted.socket.destroySoon())
    }),
  )
  await assert.rejects(bytesOf(await at.registry.getBlob(repository, descriptor)), { code: 'CONNECTION_LOST' })
})

// E72
test('rejects an encoding that was not requested', async () => {
  await using at = await held(reading((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(bytes))))
  await assert.rejects(at.registry.getBlob(repository, descriptor), { code: 'PROTOCOL', message: /encoding gzip/ })
})

// E73
test('reads an empty blob', async () => {
  const empty = tinyBlob(Buffer.alloc(0))
  await using at = await held()
  at.server.blobs.set(`a/b@${empty.descriptor.digest}`, Buffer.alloc(0))
  assert.deepEqual(await bytesOf(await at.registry.getBlob(repository, empty.descriptor)), Buffer.alloc(0))
})

// E78, F90
test('follows a redirect of a blob without credentials, and returns to the registry when the address refuses it', async () => {
  await using cdn = await memoryRegistry(({ path }, response) => {
    if (path.includes('expired')) response.writeHead(403).end()
    else response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    return true
  })
  await using at = await held(
    ({ headers, nth, kind }, response) => {
      if (headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      else if (kind === 'blob-get') response.writeHead(307, { location: `${cdn.url}/${nth <= 2 ? 'expired' : 'fresh'}?sig=a%2Fb` }).end()
      else return false
      return true
    },
    { credentials: ['alice', 'canary'] },
  )
  await assert.rejects(at.registry.getBlob(repository, descriptor), {
    code: 'UNAVAILABLE',
    message: /redirected to, refused the request \(403\)/,
  })
  assert.deepEqual(await bytesOf(await at.registry.getBlob(repository, descriptor)), bytes)
  assert.deepEqual(
    cdn.requests.map(({ path }) => path),
    ['/expired?sig=a%2Fb', '/fresh?sig=a%2Fb'],
  )
  for (const { headers } of cdn.requests) assert.equal(headers.authorization, undefined)
})

// F88, F89
test('rejects a redirect of a blob to a link-local address', async () => {
  await using at = await held(reading((_request, response) => response.writeHead(307, { location: 'http://169.254.169.254/latest' }).end()))
  await assert.rejects(at.registry.getBlob(repository, descriptor), { code: 'REFUSED_ADDRESS', side: 'source' })
})

test('releases the stream of a large blob that is cancelled or refused', async () => {
  await using at = await held(undefined, { streams: 1, requests: 1 })
  for (let n = 0; n < 5; n++) (await at.registry.getBlob(repository, descriptor)).cancel()
  await assert.rejects(at.registry.getBlob({ ...repository, path: 'absent' }, descriptor))
  const half = await at.registry.getBlob(repository, descriptor)
  await assert.rejects(
    half.read(() => {
      throw new Error('enough')
    }),
    /enough/,
  )
  assert.deepEqual(await bytesOf(await at.registry.getBlob(repository, descriptor)), bytes)
})

test('headBlob reports whether a blob is present with the right size', async () => {
  await using at = await held()
  assert.equal(await at.registry.headBlob(repository, descriptor), true)
  assert.equal(await at.registry.headBlob({ ...repository, path: 'a/c' }, descriptor), false)
  assert.equal(await at.registry.headBlob(repository, { ...descriptor, size: 7 }), false, 'a truncated blob does not count as present')
})

for (const status of [401, 403, 404, 405]) {
  test(`headBlob treats ${status} as absent, so that the upload reports the real answer`, async () => {
    await using at = await held((_request, response) => refuse(response, status, 'DENIED'), { side: 'destination' })
    assert.equal(await at.registry.headBlob(repository, descriptor), false)
  })
}
