import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { openVerified, type VerifiedOptions } from '../../src/copy/verified-content.ts'
import { MirrorError } from '../../src/errors.ts'
import { tinyBlob } from '../layout/tiny-image.ts'
import { hasty, openRegistry, type OpenOptions } from '../registry/open-registry.ts'
import { memoryRegistry, refuse, type Intercept, type SeenRequest } from '../servers/memory-registry.ts'

const repository = { registry: 'docker.io', path: 'a/b' }
const blob = tinyBlob(randomBytes(300_000))
const { bytes, descriptor } = blob

interface Read {
  /** What the reader was given. */
  readonly given: Buffer
  readonly error: unknown
  readonly ranges: readonly (string | undefined)[]
}

/** Reads the blob from a registry that answers reading as the test says. */
async function read(answer: Intercept, options: VerifiedOptions = {}, open: OpenOptions = {}, wanted = descriptor): Promise<Read> {
  await using server = await memoryRegistry((request, response) => request.kind === 'blob-get' && answer(request, response))
  server.blobs.set(`a/b@${wanted.digest}`, Buffer.from(wanted === descriptor ? bytes : []))
  await using registry = openRegistry(server.url, open)
  const chunks: Buffer[] = []
  let error: unknown
  try {
    const content = await openVerified(registry, repository, wanted, { retry: hasty, ...options })
    assert.equal(content.size, wanted.size)
    await content.read((chunk) => void chunks.push(Buffer.from(chunk)))
  } catch (reason) {
    error = reason
  }
  return { given: Buffer.concat(chunks), error, ranges: server.requests.map(({ headers }) => headers.range) }
}

/** Sends the headers of the whole rest, and then only so many bytes of it. */
function breakAfter({ scripted, headers }: SeenRequest, response: ServerResponse, count: number): true {
  const start = Number(/\d+/.exec(headers.range ?? '')?.[0] ?? 0)
  const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }
  response.writeHead(start === 0 ? 200 : 206, { 'content-length': bytes.length - start, ...(start > 0 && range) })
  response.write(bytes.subarray(start, start + count), () => scripted.socket.destroySoon())
  return true
}

const flipped = (at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

function isWhole({ given, error }: Read): void {
  assert.equal(error, undefined)
  assert.ok(given.equals(bytes))
}

test('delivers a blob unchanged, with progress to its end', async () => {
  const progress: number[] = []
  isWhole(await read(() => false, { onProgress: (count) => progress.push(count) }))
  assert.equal(progress.at(-1), 300_000)
  assert.ok(progress.every((count, at) => count > (progress[at - 1] ?? 0)))
})

// E64
test('resumes a broken stream at its offset, into the same reader', async () => {
  const result = await read((request, response) => request.nth === 1 && breakAfter(request, response, 100_000))
  isWhole(result)
  assert.deepEqual(result.ranges, [undefined, 'bytes=100000-'])
})

// E64
test('keeps resuming a stream while each attempt delivers bytes', async () => {
  const attempts: number[] = []
  const result = await read((request, response) => breakAfter(request, response, 70_000), {
    retry: { ...hasty, retries: 1 },
    onRetry: ({ attempt }) => attempts.push(attempt),
  })
  isWhole(result)
  assert.deepEqual(
    result.ranges,
    [undefined, 70_000, 140_000, 210_000, 280_000].map((at) => (at === undefined ? at : `bytes=${at}-`)),
  )
  assert.deepEqual(attempts, [1, 1, 1, 1])
})

test('gives up after the usual number of attempts without new bytes', async () => {
  const { error, ranges } = await read((request, response) => breakAfter(request, response, request.nth === 1 ? 100_000 : 0))
  assert.equal((error as { code?: string }).code, 'CONNECTION_LOST')
  assert.equal(ranges.length, 1 + hasty.retries)
})

// E65
test('resumes a stream without a length that is closed early', async () => {
  const result = await read(({ nth }, response) => {
    if (nth > 1) return false
    response.shouldKeepAlive = false
    response.useChunkedEncodingByDefault = false
    response.writeHead(200).end(bytes.subarray(0, 123_456))
    return true
  })
  isWhole(result)
  assert.deepEqual(result.ranges, [undefined, 'bytes=123456-'])
})

// E69
test('resumes from a server that answers a Range with the whole blob', async () => {
  const result = await read((request, response) => {
    if (request.nth === 1) return breakAfter(request, response, 100_000)
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    return true
  })
  isWhole(result)
})

for (const [what, headers] of [
  ['another start', { 'content-range': 'bytes 99999-299999/300000' }],
  ['no Content-Range', {}],
] as const) {
  // E70
  test(`requests the whole blob after a 206 with ${what}`, async () => {
    const result = await read((request, response) => {
      if (request.nth === 1) return breakAfter(request, response, 100_000)
      if (request.headers.range === undefined) return false
      response.writeHead(206, headers).end(bytes.subarray(99_999))
      return true
    })
    isWhole(result)
    assert.deepEqual(result.ranges, [undefined, 'bytes=100000-', undefined])
  })
}

// E71
test('reads from the start after a 416', async () => {
  const result = await read((request, response) => {
    if (request.nth === 1) return breakAfter(request, response, 100_000)
    return request.headers.range !== undefined && refuse(response, 416, 'RANGE_INVALID')
  })
  isWhole(result)
})

// E66
test('never delivers a blob whole that is longer than declared', async () => {
  for (const headers of [{}, { 'content-length': 300_001 }]) {
    const { given, error } = await read(
      (_request, response) => (response.writeHead(200, headers).end(Buffer.concat([bytes, Buffer.from('x')])), true),
    )
    assert.equal((error as { code?: string }).code, 'INTEGRITY')
    assert.ok(given.length < bytes.length)
  }
})

// E67
test('withholds the last bytes of a wrong blob, whichever bit flipped', async () => {
  for (const at of [0, 150_000, 299_999]) {
    const { given, error } = await read(
      (_request, response) => (response.writeHead(200, { 'content-length': bytes.length }).end(flipped(at)), true),
    )
    assert.equal((error as { code?: string }).code, 'INTEGRITY')
    assert.equal((error as { side?: string }).side, 'source')
    assert.match(String((error as { hint?: string }).hint), /read from another copy/)
    assert.ok(given.length < bytes.length, `${given.length} bytes`)
  }
})

// E67
test('verifies a resumed blob as a whole', async () => {
  const { given, error } = await read((request, response) => {
    if (request.nth === 1) return breakAfter(request, response, 100_000)
    response.writeHead(206, { 'content-range': 'bytes 100000-299999/300000' }).end(flipped(200_000).subarray(100_000))
    return true
  })
  assert.equal((error as { code?: string }).code, 'INTEGRITY')
  assert.ok(given.length < bytes.length)
})

// E73
test('verifies an empty blob', async () => {
  const empty = tinyBlob(Buffer.alloc(0)).descriptor
  assert.equal((await read(() => false, {}, {}, empty)).error, undefined)
  const wrong = { ...empty, digest: `sha256:${'0'.repeat(64)}` } as const
  assert.equal(((await read(() => false, {}, {}, wrong)).error as { code?: string }).code, 'INTEGRITY')
})

// E77
test('leaves a server that is too slow, and reads the rest from that offset', async () => {
  const result = await read(
    ({ nth }, response) => {
      if (nth > 1) return false
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 100_000))
      const drip = setInterval(() => response.write(Buffer.from([bytes[100_000] ?? 0])), 2000)
      response.on('close', () => clearInterval(drip))
      return true
    },
    {},
    { timeout: 200 },
  )
  isWhole(result)
  assert.deepEqual(result.ranges, [undefined, 'bytes=100000-'])
})

// E78
test('requests a redirect again from the registry after its target expires', async () => {
  await using cdn = await memoryRegistry((request, response) => {
    if (request.path.startsWith('/expired')) return (response.writeHead(403).end(), true)
    return breakAfter(request, response, request.path === '/1' ? 100_000 : bytes.length)
  })
  const places = ['1', 'expired', '2']
  const result = await read(({ nth }, response) => (response.writeHead(307, { location: `${cdn.url}/${places[nth - 1]}` }).end(), true))
  isWhole(result)
  assert.deepEqual(result.ranges, [undefined, 'bytes=100000-', 'bytes=100000-'])
})

test('does not retry after the reader fails', async () => {
  await using server = await memoryRegistry()
  server.blobs.set(`a/b@${descriptor.digest}`, Buffer.from(bytes))
  await using registry = openRegistry(server.url)
  // one that would be tried again if it were the source's
  for (const failure of [new Error('disk full'), new MirrorError('CONNECTION_LOST', 'gone')]) {
    const throwing = (): never => {
      throw failure
    }
    for (const sink of [throwing, () => Promise.reject(failure)]) {
      server.forget()
      const content = await openVerified(registry, repository, descriptor, { retry: hasty })
      await assert.rejects(content.read(sink), (error) => error === failure)
      assert.equal(server.requests.length, 1)
    }
  }
})

test('stops on an abort, during a read and between two attempts', async () => {
  for (const breaks of [false, true]) {
    const abort = new AbortController()
    const { error } = await read(
      (request, response) => {
        if (breaks) return breakAfter(request, response, 10)
        response.writeHead(200, { 'content-length': bytes.length })
        response.write(bytes.subarray(0, 10), () => abort.abort(new Error('enough')))
        return true
      },
      {
        signal: abort.signal,
        retry: { ...hasty, baseDelay: 60_000, maxDelay: 60_000 },
        onRetry: () => setImmediate(() => abort.abort(new Error('enough'))),
      },
    )
    assert.ok(error instanceof Error && /enough|abort/i.test(`${error.message} ${String(error.cause)}`))
  }
})

test('waits as long as a busy source asks, within the limit of the run', async () => {
  const delays: number[] = []
  const busy: Intercept = ({ nth }, response) => nth < 2 && (response.writeHead(503, { 'retry-after': '1' }).end(), true)
  isWhole(await read(busy, { onRetry: ({ delay }) => delays.push(delay) }))
  assert.deepEqual(delays, [1000])
  const { error, ranges } = await read(busy, { retry: { ...hasty, maxThrottled: 500 } })
  assert.equal((error as { code?: string }).code, 'UNAVAILABLE')
  assert.equal(ranges.length, 1)
})
