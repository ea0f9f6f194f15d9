import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { utimes, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { tinyBlob, tinyImage, tinyIndex, tinyManifest } from '../layout/tiny-image.ts'
import { dial, head } from '../servers/rude-clients.ts'
import { startRegistry } from './start-registry.ts'

test('serves a manifest byte for byte, by tag and by digest, with its headers', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  const { digest, mediaType, size } = image.root.descriptor
  for (const reference of ['v1', digest, digest.replace(':', '%3A')]) {
    const got = await registry.call('GET', `/v2/a/b/manifests/${reference}`, { headers: { accept: 'application/x-other' } })
    assert.equal(got.status, 200)
    assert.deepEqual(got.body, image.root.bytes)
    const head = await registry.call('HEAD', `/v2/a/b/manifests/${reference}`)
    assert.equal(head.body.length, 0)
    for (const { headers } of [got, head]) {
      assert.equal(headers['content-type'], mediaType)
      assert.equal(headers['content-length'], String(size))
      assert.equal(headers['docker-content-digest'], digest)
      assert.equal(headers.etag, `"${digest}"`)
    }
  }
})

test('answers 304 without a body for If-None-Match with the digest', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  for (const value of [`"${image.root.descriptor.digest}"`, `"x", W/"${image.root.descriptor.digest}"`, '*']) {
    const answer = await registry.call('GET', '/v2/a/b/manifests/v1', { headers: { 'if-none-match': value } })
    assert.equal(answer.status, 304)
    assert.equal(answer.body.length, 0)
  }
  assert.equal((await registry.call('GET', '/v2/a/b/manifests/v1', { headers: { 'if-none-match': '"sha256:1"' } })).status, 200)
})

test('answers 404 with the code for the missing content', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  const cases: [string, number, string][] = [
    ['/v2/a/b/manifests/v2', 404, 'MANIFEST_UNKNOWN'],
    [`/v2/a/b/manifests/sha256:${'0'.repeat(64)}`, 404, 'MANIFEST_UNKNOWN'],
    ['/v2/a/b/manifests/.INVALID_MANIFEST_NAME', 404, 'MANIFEST_UNKNOWN'],
    ['/v2/a/b/manifests/sha256:baddigeststring', 400, 'DIGEST_INVALID'],
    ['/v2/a/c/manifests/v1', 404, 'NAME_UNKNOWN'],
    [`/v2/a/c/manifests/${image.root.descriptor.digest}`, 404, 'NAME_UNKNOWN'],
    ['/v2/A/b/manifests/v1', 400, 'NAME_INVALID'],
    ['/v2/a/%2e%2e/%2e%2e/b/manifests/v1', 400, 'NAME_INVALID'],
    ['/v2/a/../b/manifests/v1', 400, 'NAME_INVALID'],
    ['/v2/a%00/manifests/v1', 400, 'NAME_INVALID'],
    ['/v2/a/b/manifests/%zz', 400, 'NAME_INVALID'],
    [`/v2/${'a'.repeat(256)}/manifests/v1`, 400, 'NAME_INVALID'],
    ['/v2/a/b/nothing', 404, 'NAME_UNKNOWN'],
  ]
  for (const [path, status, code] of cases) {
    const answer = await registry.call('GET', path)
    assert.deepEqual([answer.status, answer.code], [status, code], path)
    assert.equal((await registry.call('HEAD', path)).status, status)
  }
  assert.equal((await registry.call('GET', `/v2/a/b/manifests/${'v'.repeat(9000)}`)).status, 414)
})

test('answers PUT with the digest and the Location of the manifest', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  const answer = await registry.call('PUT', '/v2/a/b/manifests/v2', {
    body: image.root.bytes,
    headers: { 'content-type': mediaTypes.ociManifest },
  })
  assert.equal(answer.status, 201)
  assert.equal(answer.headers['docker-content-digest'], image.root.descriptor.digest)
  assert.deepEqual((await registry.call('GET', answer.headers.location ?? '')).body, image.root.bytes)
})

test('refuses a manifest that is not JSON, not of its type, too large, or of another digest', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  const put = async (reference: string, body: Uint8Array | string, type: string, isChunked = false): Promise<unknown> => {
    const { status, code } = await registry.call('PUT', `/v2/a/b/manifests/${reference}`, {
      body,
      isChunked,
      headers: { 'content-type': type },
    })
    return [status, code]
  }
  const { ociManifest, ociIndex } = mediaTypes
  const { bytes, descriptor } = image.root
  assert.deepEqual(await put('v2', 'blablabla', ociManifest), [400, 'MANIFEST_INVALID'])
  assert.deepEqual(await put('v2', bytes, ociIndex), [400, 'MANIFEST_INVALID'])
  assert.deepEqual(await put('v2', Buffer.concat([bytes, Buffer.alloc(4 * 1024 * 1024, ' ')]), ociManifest), [413, 'SIZE_INVALID'])
  assert.deepEqual(await put('v2', Buffer.concat([bytes, Buffer.alloc(4 * 1024 * 1024, ' ')]), ociManifest, true), [413, 'SIZE_INVALID'])
  assert.deepEqual(await put(descriptor.digest, Buffer.concat([bytes, Buffer.from(' ')]), ociManifest), [400, 'DIGEST_INVALID'])
  assert.deepEqual(await put('sha256:baddigeststring', bytes, ociManifest), [400, 'DIGEST_INVALID'])
  assert.deepEqual(await put('-v2', bytes, ociManifest), [400, 'NAME_INVALID'])
  assert.deepEqual(await put(`${descriptor.digest}?tag=-x`, bytes, ociManifest), [400, 'NAME_INVALID'])
  assert.deepEqual(registry.layout.tags({ registry: 'localhost', path: 'a/b' }), ['v1'])
  assert.deepEqual(await put('v2', Buffer.concat([bytes, Buffer.alloc(3_900_000, ' ')]), ociManifest), [201, undefined])
})

test('refuses a manifest while blobs or children are missing, and names every missing digest', async () => {
  await using registry = await startRegistry()
  const image = tinyIndex()
  const refused = await registry.call('PUT', '/v2/a/b/manifests/v1', {
    body: image.root.bytes,
    headers: { 'content-type': mediaTypes.ociIndex },
  })
  assert.equal(refused.status, 400)
  const { errors } = refused.json() as { errors: { code: string; detail: { digest: string } }[] }
  assert.deepEqual(
    errors.map(({ code, detail }) => [code, detail.digest]),
    image.manifests.slice(0, 2).map(({ descriptor }) => ['MANIFEST_BLOB_UNKNOWN', descriptor.digest]),
  )
  const [child] = image.manifests
  const childPut = await registry.call('PUT', `/v2/a/b/manifests/${child?.descriptor.digest}`, { body: child?.bytes ?? '' })
  assert.deepEqual([childPut.status, childPut.code], [400, 'MANIFEST_BLOB_UNKNOWN'])
  await registry.push('a/b', 'v1', image)
  await registry.push('other', 'v1', image)
})

test('ignores children of other repositories, and accepts an incomplete index on a sparse server', async () => {
  await using registry = await startRegistry()
  const image = tinyIndex()
  await registry.push('a/b', 'v1', image)
  assert.equal((await registry.call('PUT', '/v2/c/manifests/v1', { body: image.root.bytes })).code, 'MANIFEST_BLOB_UNKNOWN')
  await using sparse = await startRegistry({ sparse: true })
  assert.equal((await sparse.call('PUT', '/v2/c/manifests/v1', { body: image.root.bytes })).status, 201)
})

test('refuses a manifest that declares a wrong size, even on a sparse server', async () => {
  for (const sparse of [false, true]) {
    await using registry = await startRegistry({ sparse })
    const image = tinyImage()
    await registry.push('a/b', 'v1', image)
    const [layer, config] = image.blobs.map(({ descriptor }) => descriptor)
    const child = image.root.descriptor
    const ofImage = (document: object): object => ({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, ...document })
    for (const document of [
      ofImage({ config, layers: [{ ...layer, size: 599 }] }),
      ofImage({ config: { ...config, size: 0 }, layers: [layer] }),
      { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [{ ...child, size: child.size + 1 }] },
      { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [{ ...layer, size: 601 }] },
    ]) {
      const refused = await registry.call('PUT', '/v2/a/b/manifests/v2', { body: JSON.stringify(document) })
      assert.deepEqual([refused.status, refused.code], [400, 'MANIFEST_INVALID'], JSON.stringify(document))
    }
    assert.deepEqual(registry.layout.tags({ registry: 'localhost', path: 'a/b' }), ['v1'])
  }
})

test('accepts foreign layers that are not present, and an image without layers', async () => {
  await using registry = await startRegistry()
  const config = tinyBlob(Buffer.from('{}'), mediaTypes.ociConfig)
  const foreign = {
    mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    digest: `sha256:${'a'.repeat(64)}`,
    size: 9,
    urls: ['https://store.example.com/x'],
  }
  for (const [tag, layers] of [
    ['foreign', [foreign]],
    ['none', []],
  ] as const) {
    const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: config.descriptor, layers })
    await registry.push('a/b', tag, { blobs: [config], manifests: [root], root })
  }
})

test('accepts nested and empty indexes', async () => {
  await using registry = await startRegistry()
  const [first, second] = [tinyIndex(), tinyIndex()]
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [first.root.descriptor, second.root.descriptor],
  })
  await registry.push('a/b', 'nested', {
    blobs: [...first.blobs, ...second.blobs],
    manifests: [...first.manifests, ...second.manifests, root],
    root,
  })
  const empty = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] })
  await registry.push('a/b', 'empty', { blobs: [], manifests: [empty], root: empty })
})

test('accepts sha512 digests for blobs and manifests', async () => {
  await using registry = await startRegistry()
  const sha512 = (bytes: Uint8Array): string => `sha512:${createHash('sha512').update(bytes).digest('hex')}`
  const layer = Buffer.from('layer')
  const config = Buffer.from('{}')
  const describe = (bytes: Uint8Array, mediaType: string): object => ({ mediaType, digest: sha512(bytes), size: bytes.length })
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: describe(config, mediaTypes.ociConfig),
      layers: [describe(layer, 'application/x')],
    }),
  )
  for (const blob of [layer, config])
    assert.equal((await registry.call('POST', `/v2/a/b/blobs/uploads/?digest=${sha512(blob)}`, { body: blob })).status, 201)
  const path = `/v2/a/b/manifests/${sha512(bytes)}`
  const put = await registry.call('PUT', `${path}?tag=one&tag=two`, { body: bytes })
  assert.equal(put.status, 201)
  assert.equal(put.headers['docker-content-digest'], sha512(bytes))
  assert.equal(put.headers['oci-tag'], 'one, two')
  for (const reference of [sha512(bytes), 'one', 'two']) {
    const got = await registry.call('GET', `/v2/a/b/manifests/${reference}`)
    assert.deepEqual(got.body, bytes)
    assert.equal(got.headers['docker-content-digest'], sha512(bytes))
  }
})

test('deletes only a tag, or a manifest with its tags, and refuses a child of an index', async () => {
  await using registry = await startRegistry()
  const image = tinyIndex()
  await registry.push('a/b', 'v1', image)
  await registry.push('a/b', 'v2', image)
  const statusOf = async (method: string, reference: string): Promise<number> =>
    (await registry.call(method, `/v2/a/b/manifests/${reference}`)).status
  const [child] = image.manifests
  const root = image.root.descriptor.digest
  assert.equal(await statusOf('DELETE', 'v1'), 202)
  assert.equal(await statusOf('DELETE', 'v1'), 404)
  assert.equal(await statusOf('HEAD', 'v1'), 404)
  assert.equal(await statusOf('HEAD', root), 200)
  assert.equal(await statusOf('DELETE', child?.descriptor.digest ?? ''), 405)
  assert.equal(await statusOf('DELETE', root), 202)
  for (const reference of [root, 'v2']) assert.equal(await statusOf('HEAD', reference), 404)
  assert.equal(await statusOf('DELETE', child?.descriptor.digest ?? ''), 202)
  assert.equal(await statusOf('DELETE', child?.descriptor.digest ?? ''), 404)
  assert.equal(await statusOf('DELETE', `sha256:${'1'.repeat(64)}`), 404)
})

test('sets at most a hundred tags in one request, and a repeated tag once', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] })
  const put = (tags: readonly string[]): ReturnType<typeof registry.call> =>
    registry.call('PUT', `/v2/a/b/manifests/${descriptor.digest}?${tags.map((tag) => `tag=${tag}`).join('&')}`, { body: bytes })
  const hundred = Array.from({ length: 100 }, (_, at) => `t${at}`)
  assert.equal((await put([...hundred, 'one-more'])).status, 414)
  assert.deepEqual(registry.layout.tags({ registry: 'localhost', path: 'a/b' }), [])
  const answer = await put(['t0', ...hundred])
  assert.equal(answer.status, 201)
  assert.equal(answer.headers['oci-tag'], hundred.join(', '))
})

test('stores and serves large manifests, many at once, and never a damaged one', async () => {
  await using registry = await startRegistry()
  const large = (at: number): ReturnType<typeof tinyManifest> =>
    tinyManifest({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [],
      annotations: { at: String(at), x: 'x'.repeat(3_000_000) },
    })
  const manifests = Array.from({ length: 8 }, (_, at) => large(at))
  await Promise.all(
    manifests.map(async ({ bytes, descriptor }, at) => {
      const { status } = await registry.call('PUT', `/v2/a/b/manifests/t${at}`, { body: bytes, isChunked: at % 2 === 0 })
      assert.equal(status, 201)
      const got = await registry.call('GET', `/v2/a/b/manifests/t${at}`)
      assert.deepEqual([got.status, got.headers['docker-content-digest']], [200, descriptor.digest])
      assert.ok(got.body.equals(bytes))
    }),
  )
  const damaged = join(registry.directory, 'blobs', manifests[0]?.descriptor.digest.replace(':', '/') ?? '')
  await writeFile(damaged, Buffer.alloc(manifests[0]?.bytes.length ?? 0, 'x'))
  assert.equal((await registry.call('GET', '/v2/a/b/manifests/t0')).status, 500)
})

test('refuses a manifest with too many values', async () => {
  await using registry = await startRegistry()
  const values = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [],
    x: Array.from({ length: 200_000 }, () => ({})),
  })
  const refused = await registry.call('PUT', '/v2/a/b/manifests/v1', { body: values.bytes })
  assert.deepEqual([refused.status, refused.code], [400, 'MANIFEST_INVALID'])
})

test('reads a blob of the wrong size once, until its file changes', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  const [layer, config] = image.blobs.map(({ descriptor }) => descriptor)
  const file = join(registry.directory, 'blobs', layer?.digest.replace(':', '/') ?? '')
  const wrong = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [{ ...layer, size: 1 }] })
  const codes = async (): Promise<(string | undefined)[]> =>
    (await Promise.all([1, 2, 3].map(() => registry.call('PUT', '/v2/a/b/manifests/v2', { body: wrong.bytes })))).map(({ code }) => code)
  await utimes(file, 1000, 1000)
  assert.deepEqual(new Set(await codes()), new Set(['MANIFEST_INVALID']))
  // What is not read again cannot be seen to be damaged.
  await writeFile(file, Buffer.alloc(layer?.size ?? 0), { flag: 'r+' })
  await utimes(file, 1000, 1000)
  assert.deepEqual(new Set(await codes()), new Set(['MANIFEST_INVALID']))
  await utimes(file, 2000, 2000)
  assert.deepEqual(new Set(await codes()), new Set(['MANIFEST_BLOB_UNKNOWN']))
})

test('stalled large manifests take no slots from other addresses', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  const type = mediaTypes.ociManifest
  const stalled = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const socket = await dial(registry.url)
      socket.on('error', () => undefined)
      socket.write(head('PUT', '/v2/a/b/manifests/slow', { 'content-type': type, 'content-length': 4_000_000 }))
      await new Promise<void>((resolve) => socket.write(Buffer.alloc(300_000, ' '), () => resolve()))
      return socket
    }),
  )
  const config = image.blobs.find(({ descriptor }) => descriptor.mediaType === mediaTypes.ociConfig)
  const large = tinyManifest({
    schemaVersion: 2,
    mediaType: type,
    config: config?.descriptor,
    layers: [],
    annotations: { filling: 'x'.repeat(300_000) },
  })
  const status = await new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': large.bytes.length }
    const asked = request(`${registry.url}/v2/a/b/manifests/large`, { method: 'PUT', headers, localAddress: '127.0.0.2', agent: false })
    asked.on('response', ({ statusCode }) => resolve(statusCode)).on('error', reject)
    asked.end(large.bytes)
  })
  assert.equal(status, 201)
  assert.ok(stalled.some(({ closed }) => !closed))
  for (const socket of stalled) socket.destroy()
})
