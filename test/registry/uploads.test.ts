import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Content } from '../../src/async/content.ts'
import { BlobLedger, copyBlob } from '../../src/copy/copy-blob.ts'
import { MirrorError } from '../../src/errors.ts'
import type { ImageDestination } from '../../src/oci/image-destination.ts'
import type { ImageSource } from '../../src/oci/image-source.ts'
import { offerBlob } from '../../src/registry/uploads.ts'
import { contentOf, tinyBlob } from '../layout/tiny-image.ts'
import { putBlob } from '../oci/put-blob.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { memoryRegistry, refuse, type Intercept, type MemoryRegistry } from '../servers/memory-registry.ts'
import { rawServer, scriptedServer } from '../servers/scripted-server.ts'
import { hasty, openRegistry, openSession, openWithServer, type OpenOptions } from './open-registry.ts'

const repository = { registry: 'r.example', path: 'a/b' }
const other = { registry: 'r.example', path: 'c/d' }
const { bytes, descriptor } = tinyBlob(randomBytes(5000))
const { digest } = descriptor
const open = (): Promise<Content> => Promise.resolve(contentOf(bytes))

/** An empty destination and a client for it. */
function destination(intercept?: Intercept, options: OpenOptions = {}) {
  return openWithServer(intercept, { side: 'destination', ...options })
}

function hasBlob(server: MemoryRegistry, path = 'a/b'): boolean {
  return server.blobs.get(`${path}@${digest}`)?.equals(bytes) === true
}

/** A source that gives the blob from memory. */
const source: ImageSource = {
  headManifest: () => Promise.reject(new Error('not asked for')),
  getManifest: () => Promise.reject(new Error('not asked for')),
  getBlob: (_repository, _descriptor, { offset = 0 } = {}) => Promise.resolve(contentOf(bytes.subarray(offset))),
}

// F103
test('uploads a blob in one POST and one PUT with its length, never in chunks', async () => {
  await using at = await destination()
  await putBlob(at.registry, repository, descriptor, open)
  assert.deepEqual(at.server.kinds(), ['upload-post', 'upload-put'])
  const [post, put] = at.server.requests
  assert.equal(post?.headers['content-length'], '0')
  assert.equal(put?.headers['content-length'], '5000')
  assert.equal(put?.headers['content-type'], 'application/octet-stream')
  assert.equal(put?.headers['content-range'], undefined)
  assert.equal(put?.headers['transfer-encoding'], undefined)
  assert.ok(hasBlob(at.server))
})

// E73
test('uploads an empty blob', async () => {
  const empty = tinyBlob(Buffer.alloc(0))
  await using at = await destination()
  await putBlob(at.registry, repository, empty.descriptor, () => Promise.resolve(contentOf(empty.bytes)))
  assert.equal(at.server.requests[1]?.headers['content-length'], '0')
  assert.ok(at.server.blobs.has(`a/b@${empty.descriptor.digest}`))
})

for (const status of [200, 202, 204]) {
  test(`confirms a PUT that is answered with ${status} by a HEAD, even when all streams are in use`, async () => {
    await using at = await destination(
      async ({ kind, scripted, path }, response) => {
        if (kind !== 'upload-put') return false
        at.server.blobs.set(`a/b@${new URLSearchParams(path.split('?')[1]).get('digest')}`, await scripted.readBody())
        response.writeHead(status).end()
        return true
      },
      { requests: 2 },
    )
    const blobs = Array.from({ length: 6 }, () => tinyBlob(randomBytes(100)))
    await Promise.all(blobs.map((blob) => putBlob(at.registry, repository, blob.descriptor, () => Promise.resolve(contentOf(blob.bytes)))))
    assert.equal(at.server.count('blob-head'), 6)
  })
}

// F102
test('detects a web server that accepts every upload and stores nothing', async () => {
  await using at = await destination(({ kind }, response) => {
    if (kind === 'upload-put') return (response.writeHead(200).end(), true)
    return kind === 'blob-head' ? refuse(response, 404, 'BLOB_UNKNOWN') : false
  })
  await assert.rejects(putBlob(at.registry, repository, descriptor, open), {
    code: 'PROTOCOL',
    message: /but does not have it/,
    side: 'destination',
  })
})

// a mount

// F104
test('sends no further request after a mount that is answered with 201', async () => {
  await using at = await destination()
  at.server.blobs.set(`c/d@${digest}`, Buffer.from(bytes))
  assert.deepEqual(await at.registry.offerBlob(repository, descriptor, { from: other }), { kind: 'mounted' })
  assert.equal(at.server.requests[0]?.path, `/v2/a/b/blobs/uploads/?mount=${digest}&from=c/d`)
  assert.ok(hasBlob(at.server))
})

// F104
test('uploads to the location of a mount that is answered with 202', async () => {
  await using at = await destination()
  const offered = await at.registry.offerBlob(repository, descriptor, { from: other })
  assert.ok(offered.kind === 'upload')
  assert.equal(await offered.upload.put(open), true)
  assert.deepEqual(at.server.kinds(), ['mount', 'blob-head', 'upload-put'])
  assert.ok(hasBlob(at.server))
})

// F104
test('does not count a 201 for other content as a mount', async () => {
  await using at = await destination(
    (_request, response) => (response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end(), true),
  )
  assert.equal((await at.registry.offerBlob(repository, descriptor)).kind, 'upload')
})

for (const status of [400, 401, 403, 404, 405, 500]) {
  // F104
  test(`falls back to a plain upload after a mount answered with ${status}, and leaves no session open`, async () => {
    await using at = await destination(({ kind }, response) => (kind === 'mount' ? refuse(response, status, 'DENIED') : false))
    const ledger = new BlobLedger()
    ledger.add(digest, other)
    const outcome = await copyBlob(
      { descriptor, from: repository, to: repository },
      { source, destination: at.registry, ledger, retry: hasty },
    )
    assert.equal(outcome, 'copied')
    assert.ok(hasBlob(at.server))
    assert.equal(at.server.sessions.size, 0)
  })
}

// F104
test('cancels an unused upload that a mount opened', async () => {
  await using at = await destination()
  const offers = [await at.registry.offerBlob(repository, descriptor, { from: other }), await at.registry.offerBlob(other, descriptor)]
  assert.equal(at.server.sessions.size, 2)
  for (const offered of offers) if (offered.kind === 'upload') await offered.upload.cancel()
  assert.equal(at.server.sessions.size, 0)
  assert.equal(at.server.count('upload-delete'), 2)
})

// F104
test('cancels the upload of a refused mount when a lookup finds the blob or fails', async () => {
  for (const status of [200, 500]) {
    await using at = await destination(({ kind }, response) => {
      if (kind !== 'blob-head' && kind !== 'blob-get') return false
      response.writeHead(status, { 'content-length': status === 200 ? bytes.length : 0 }).end()
      return true
    })
    const offered = at.registry.offerBlob(repository, descriptor, { from: other })
    if (status === 200) assert.deepEqual(await offered, { kind: 'present' })
    else await assert.rejects(offered, { code: 'UNAVAILABLE', side: 'destination' })
    assert.deepEqual([at.server.count('upload-delete'), at.server.sessions.size], [1, 0])
  }
})

// F104
test('looks up a small blob by a mount from its own repository, which finds it or opens its upload', async () => {
  await using at = await destination()
  const ends = { source, destination: at.registry, ledger: new BlobLedger(), retry: hasty }
  const copy = { descriptor, from: repository, to: repository }
  assert.equal(await copyBlob(copy, ends), 'copied')
  assert.deepEqual(at.server.kinds(), ['mount', 'upload-put'])
  assert.equal(at.server.requests[1]?.path, `/v2/a/b/blobs/uploads/1?digest=${digest}`, 'to the session that the mount opened')
  at.server.forget()
  assert.equal(await copyBlob(copy, { ...ends, ledger: new BlobLedger() }), 'present')
  assert.deepEqual(at.server.kinds(), ['mount'])
})

// F104
test('cancels the upload of a mount after an abort during the request', async () => {
  const abort = new AbortController()
  await using at = await destination(({ kind }) => {
    if (kind === 'mount') abort.abort(new Error('enough'))
    return false
  })
  const ends = { source, destination: at.registry, ledger: new BlobLedger(), retry: hasty }
  const copy = { descriptor, from: repository, to: repository }
  await assert.rejects(copyBlob(copy, ends, { signal: abort.signal }), /enough/)
  assert.equal(at.server.count('mount'), 1)
  assert.equal(at.server.sessions.size, 0)
})

// the location of an upload

const query = '?_state=a~b%20c%2Fd&x=%7E'
const forms: Readonly<Record<string, (registry: MemoryRegistry) => string>> = {
  relative: () => '',
  absolute: ({ url }) => url,
  'without a scheme': ({ host }) => `//${host}`,
  'a bare host': ({ host }) => host,
}
for (const [what, begin] of Object.entries(forms)) {
  // F93
  test(`follows a Location that is ${what}, with its query byte for byte`, async () => {
    await using at = await destination(({ kind }, response) => {
      if (kind === 'upload-post') response.writeHead(202, { location: `${begin(at.server)}/v2/a/b/blobs/uploads/s${query}` }).end()
      else if (kind === 'upload-put') response.writeHead(201).end()
      else return false
      return true
    })
    await putBlob(at.registry, repository, descriptor, open)
    assert.equal(at.server.requests[1]?.path, `/v2/a/b/blobs/uploads/s${query}&digest=${digest}`)
  })
}

// F92
test('accepts a Location of 20 KiB and rejects one of 80 KiB', async () => {
  for (const size of [20, 80]) {
    const state = 'x'.repeat(size * 1024)
    // node:http would refuse such a request line
    await using server = await rawServer((socket, request) => {
      let seen = request.toString('latin1')
      const answer = (): void => {
        if (seen.startsWith('POST') && seen.includes('\r\n\r\n')) {
          seen = ''
          socket.write(`HTTP/1.1 202 Accepted\r\nLocation: /u?_state=${state}\r\nContent-Length: 0\r\n\r\n`)
        } else if (seen.includes(`&digest=${digest} HTTP/1.1`) && seen.length > state.length + 5000) {
          socket.end('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n')
        }
      }
      socket.on('data', (more: Buffer) => {
        seen += more.toString('latin1')
        answer()
      })
      answer()
    })
    await using registry = openRegistry(`http://${server.host}`, { side: 'destination' })
    const put = putBlob(registry, repository, descriptor, open)
    if (size === 20) await put
    else await assert.rejects(put, { code: 'PROTOCOL' })
  }
})

// F93, F90
test('sends no credentials to an upload at another origin', async () => {
  await using elsewhere = await scriptedServer(async (request, response) => {
    await request.readBody()
    response.writeHead(201).end()
  })
  await using at = await destination(
    ({ headers }, response) => {
      if (headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      else response.writeHead(202, { location: `${elsewhere.url}/u?sig=1` }).end()
      return true
    },
    { credentials: ['alice', 'canary'] },
  )
  await putBlob(at.registry, repository, descriptor, open)
  const [put] = elsewhere.requests
  assert.equal(put?.method, 'PUT')
  assert.deepEqual(put?.body, Buffer.from(bytes))
  assert.equal(put?.headers.authorization, undefined)
  assert.doesNotMatch(JSON.stringify(put?.headers), /canary|YWxpY2U6/)
})

// F93
test('keeps https for an http Location of an https registry behind a proxy', async () => {
  const authority = await certificateAuthority()
  await using server = await memoryRegistry(
    ({ kind }, response) => {
      if (kind !== 'upload-post') return false
      // as `http://host/…`, since the proxy's own port is not known to the registry behind it
      response.writeHead(202, { location: 'http://127.0.0.1/v2/a/b/blobs/uploads/s' }).end()
      return true
    },
    { tls: await authority.server() },
  )
  await using registry = openRegistry(server.url, { side: 'destination', tls: { ca: authority.certificate } })
  await assert.rejects(putBlob(registry, repository, descriptor, open), { code: 'UNAVAILABLE' })
  assert.ok(
    server.requests.some(({ kind, path }) => kind === 'upload-put' && path.startsWith('/v2/a/b/blobs/uploads/s?digest=')),
    'over TLS, at the same port',
  )
})

// F95
test('does not retry after a 202 without Location', async () => {
  await using at = await destination(({ kind }, response) => {
    if (kind !== 'upload-post') return false
    response.writeHead(202).end()
    return true
  })
  await assert.rejects(putBlob(at.registry, repository, descriptor, open), {
    code: 'PROTOCOL',
    message: /without a Location/,
    side: 'destination',
  })
  assert.equal(at.server.count('upload-post'), 1)
})

for (const [status, code] of [
  [404, 'NOT_FOUND'],
  [405, 'UNSUPPORTED'],
  [403, 'DENIED'],
  [401, 'UNAUTHORIZED'],
] as const) {
  // F96
  test(`does not retry an upload refused with ${status}, reports why, and leaves no content open`, async () => {
    await using at = await destination(({ kind }, response) =>
      kind === 'upload-post' ? refuse(response, status, 'DENIED', 'project rancher does not exist') : false,
    )
    let cancelled = 0
    const content = (): Promise<Content> => Promise.resolve({ ...contentOf(bytes), cancel: () => void cancelled++ })
    await assert.rejects(putBlob(at.registry, repository, descriptor, content), (error: Error & { code?: string }) => {
      assert.equal(error.code, code)
      if (status !== 401) assert.match(error.message, /project rancher does not exist/)
      return true
    })
    assert.equal(at.server.count('upload-post'), 1)
    assert.equal(cancelled, 1)
  })
}

// during an upload

for (const status of [401, 413]) {
  // F97
  test(`reports a ${status} in the middle of an upload although the server closes the connection`, async () => {
    await using at = await destination(({ kind, scripted }, response) => {
      if (kind !== 'upload-put') return false
      response.writeHead(status, { connection: 'close' }).end()
      response.on('finish', () => scripted.socket.destroySoon())
      return true
    })
    const large = tinyBlob(Buffer.alloc(8_000_000))
    await assert.rejects(
      putBlob(at.registry, repository, large.descriptor, () => Promise.resolve(contentOf(large.bytes, 60_000))),
      {
        code: status === 401 ? 'UNAUTHORIZED' : 'DENIED',
        ...(status === 413 && { hint: /limit on upload sizes/ }),
      },
    )
  })
}

test('opens a new upload after the registry loses one', async () => {
  await using at = await destination(({ kind, nth }, response) =>
    kind === 'upload-put' && nth === 1 ? (response.writeHead(404).end(), true) : false,
  )
  const ends = { source, destination: at.registry, ledger: new BlobLedger(), retry: hasty }
  assert.equal(await copyBlob({ descriptor, from: repository, to: repository }, ends), 'copied')
  assert.equal(at.server.count('upload-put'), 2)
  assert.equal(at.server.sessions.size, 0)
})

test('requests the whole blob again when the source loses it during a resume', async () => {
  await using at = await destination()
  let reads = 0
  const losing: ImageSource = {
    ...source,
    async getBlob(of, blob, options) {
      if (++reads === 2) throw new MirrorError('NOT_FOUND', 'the source has lost it', { side: 'source' })
      const whole = await source.getBlob(of, blob, options)
      if (reads > 2) return whole
      const lost = new MirrorError('CONNECTION_LOST', 'the connection was lost')
      return {
        ...whole,
        size: bytes.length,
        read: async (sink) => (await sink(bytes.subarray(0, 2000)), Promise.reject(lost)),
        cancel: () => undefined,
      }
    },
  }
  const ends = { source: losing, destination: at.registry, ledger: new BlobLedger(), retry: hasty }
  assert.equal(await copyBlob({ descriptor, from: repository, to: repository }, ends), 'copied')
  assert.equal(reads, 3)
  assert.ok(hasBlob(at.server))
})

// G110
test('renews a token that expires between POST and PUT, and uploads the blob again from its start', async () => {
  let newest = 0
  await using tokens = await scriptedServer(
    (_request, response) => void response.end(JSON.stringify({ token: `t${++newest}`, expires_in: 300 })),
  )
  let oldest = 1
  await using at = await destination(({ kind, headers, nth }, response) => {
    // every token issued before the first PUT expires when it arrives
    if (kind === 'upload-put' && nth === 1) oldest = newest + 1
    const token = Number(/^Bearer t(\d+)$/.exec(headers.authorization ?? '')?.[1] ?? 0)
    if (token >= oldest) return false
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.url}/t",service="x"` }).end()
    return true
  })
  const ends = { source, destination: at.registry, ledger: new BlobLedger(), retry: hasty }
  assert.equal(await copyBlob({ descriptor, from: repository, to: repository }, ends), 'copied')
  assert.ok(hasBlob(at.server))
  assert.equal(at.server.count('upload-put'), 2)
  assert.equal(at.server.sessions.size, 0)
})

test('counts a blob that is stored after the timeout as present, and reports TIMEOUT for another', async () => {
  for (const isStored of [true, false]) {
    await using at = await destination(
      ({ kind }) => {
        if (kind === 'upload-put' && isStored) at.server.blobs.set(`a/b@${digest}`, Buffer.from(bytes))
        return kind === 'upload-put'
      },
      { timeout: 300 },
    )
    const put = putBlob(at.registry, repository, descriptor, open)
    if (isStored) assert.equal(await put, false)
    else await assert.rejects(put, { code: 'TIMEOUT', side: 'destination' })
    assert.equal(at.server.kinds().filter((kind) => kind === 'upload-put').length, 1)
  }
})

test('cancels a failed upload, and closes the content opened in parallel with a refused one', async () => {
  await using at = await destination(({ kind, nth }, response) =>
    kind === 'upload-put' && nth === 1 ? refuse(response, 500, 'UNKNOWN') : false,
  )
  await assert.rejects(putBlob(at.registry, repository, descriptor, open), { code: 'UNAVAILABLE' })
  assert.equal(at.server.sessions.size, 0)
  await assert.rejects(
    putBlob(at.registry, repository, descriptor, () => Promise.reject(new Error('no source'))),
    /no source/,
  )
  assert.equal(at.server.sessions.size, 0)
  await putBlob(at.registry, repository, descriptor, open)
  assert.ok(hasBlob(at.server))
})

test('reuses the upload of a busy registry for the next attempt', async () => {
  await using at = await destination(({ kind, nth }, response) => {
    if (kind !== 'upload-put' || nth > 1) return false
    response.writeHead(429, { 'retry-after': '0' }).end()
    return true
  })
  const ends = { source, destination: at.registry, ledger: new BlobLedger(), retry: hasty }
  assert.equal(await copyBlob({ descriptor, from: repository, to: repository }, ends), 'copied')
  assert.deepEqual(at.server.kinds(), ['mount', 'upload-put', 'upload-put'])
})

test('uploads the largest blob first when streams are limited', async () => {
  const sent: number[] = []
  await using server = await memoryRegistry(({ kind, headers }) => {
    if (kind === 'upload-put') sent.push(Number(headers['content-length']))
    return false
  })
  await using opened = openSession(server.url, { side: 'destination', streams: 1 })
  const { transport } = opened
  // The only place is taken until all three have asked for it.
  const giveBack = await transport.acquire(2_000_000)
  const acquire = transport.acquire.bind(transport)
  let asked = 0
  transport.acquire = (size) => {
    const place = acquire(size)
    if (++asked === 3) giveBack()
    return place
  }
  const place: Pick<ImageDestination, 'offerBlob'> = { offerBlob: (...offer) => offerBlob(transport, ...offer) }
  await Promise.all(
    [1_500_000, 3_000_000, 2_000_000].map((size) => {
      const blob = tinyBlob(Buffer.alloc(size))
      return putBlob(place, repository, blob.descriptor, () => Promise.resolve(contentOf(blob.bytes, 100_000)))
    }),
  )
  assert.deepEqual(sent, [3_000_000, 2_000_000, 1_500_000])
})

// a refused closing PUT

for (const [status, code] of [
  [400, 'BLOB_UPLOAD_INVALID'],
  [400, 'DIGEST_INVALID'],
  [403, 'DENIED'],
  [404, 'BLOB_UPLOAD_UNKNOWN'],
  [409, 'CONFLICT'],
  [412, 'PRECONDITION'],
  [500, 'UNKNOWN'],
] as const) {
  test(`counts a blob as present when its PUT is refused with ${status} ${code} but a HEAD finds it`, async () => {
    await using at = await destination(({ kind }, response) => {
      if (kind !== 'upload-put') return false
      at.server.blobs.set(`a/b@${digest}`, Buffer.from(bytes))
      return refuse(response, status, code, 'it is there')
    })
    assert.equal(await putBlob(at.registry, repository, descriptor, open), false)
    assert.equal(at.server.count('upload-put'), 1)
  })
}

test('retries a blob that another client is writing', async () => {
  await using at = await destination(({ kind, nth }, response) =>
    kind === 'upload-put' && nth === 1 ? refuse(response, 409, 'CONFLICT', 'being written') : false,
  )
  const ends = { source, destination: at.registry, ledger: new BlobLedger(), retry: hasty }
  assert.equal(await copyBlob({ descriptor, from: repository, to: repository }, ends), 'copied')
})

test('follows at most three redirects of a PUT, each with the content from its start', async () => {
  await using at = await destination(({ kind, path }, response) =>
    kind === 'upload-put' ? (response.writeHead(307, { location: path }).end(), true) : false,
  )
  let opened = 0
  const again = (): Promise<Content> => (opened++, open())
  await assert.rejects(putBlob(at.registry, repository, descriptor, again), { code: 'PROTOCOL', message: /answered 307/ })
  assert.deepEqual([opened, at.server.count('upload-put')], [4, 4])
})

test('releases the stream of a redirected PUT before it reopens the source', async () => {
  const large = [tinyBlob(randomBytes(1_100_000)), tinyBlob(randomBytes(1_100_001))]
  await using from = await openWithServer(undefined, { streams: 1 })
  for (const blob of large) from.server.blobs.set(`a/b@${blob.descriptor.digest}`, Buffer.from(blob.bytes))
  await using at = await destination(
    ({ kind, path }, response) => {
      if (kind !== 'upload-put' || path.includes('moved')) return false
      response.writeHead(307, { location: `${path}&moved` }).end()
      return true
    },
    { streams: 1 },
  )
  const ends = { source: from.registry, destination: at.registry, ledger: new BlobLedger(), retry: hasty }
  await Promise.all(large.map((blob) => copyBlob({ descriptor: blob.descriptor, from: repository, to: repository }, ends)))
  for (const blob of large) assert.deepEqual(at.server.blobs.get(`a/b@${blob.descriptor.digest}`), Buffer.from(blob.bytes))
})

test('sends no credentials to a redirect target of another host, even at the registry', async () => {
  const seen: (string | undefined)[] = []
  await using at = await destination(
    ({ kind, path, headers }, response) => {
      if (path.includes('back')) {
        seen.push(headers.authorization)
        return refuse(response, 403, 'DENIED')
      }
      if (headers.authorization === undefined) return (response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(), true)
      return kind === 'upload-put' ? (response.writeHead(307, { location: `${storage.url}/x` }).end(), true) : false
    },
    { credentials: ['alice', 'c4nary'] },
  )
  await using storage = await scriptedServer((request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(307, { location: `${at.server.url}/v2/other/manifests/back` }).end()
  })
  await assert.rejects(putBlob(at.registry, repository, descriptor, open), { code: 'DENIED' })
  assert.deepEqual(seen, [undefined, undefined])
})
