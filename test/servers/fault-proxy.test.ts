import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateAuthority } from './certificates.ts'
import { startDockerRegistry } from './docker-registry.ts'
import { faultProxy } from './fault-proxy.ts'
import { plainRequest } from './http-request.ts'
import { requestKind } from './request-kind.ts'
import { requireServer } from './require-server.ts'
import { scriptedServer } from './scripted-server.ts'
import { makeRelease, pushRelease } from './seed-release.ts'

const content = Buffer.alloc(100_000, 'k3s')
const echo = () =>
  scriptedServer(async (request, response) => {
    const body = await request.readBody()
    response.writeHead(200, { 'x-host': request.headers.host ?? '' }).end(body.length > 0 ? String(body.length) : content)
  })

test('without a fault everything goes through and is counted', async () => {
  await using origin = await echo()
  await using proxy = await faultProxy(origin.url)
  const answer = await plainRequest(`${proxy.url}/v2/a/blobs/sha256:1`)
  assert.deepEqual(answer.body, content)
  assert.equal(answer.headers['x-host'], proxy.host)
  const upload = await plainRequest(`${proxy.url}/v2/a/blobs/uploads/1?digest=x`, { method: 'PUT', body: content })
  assert.equal(upload.body.toString(), '100000')
  assert.equal(proxy.counters.total, 2)
  assert.equal(proxy.counters.kinds['blob-get'], 1)
  assert.equal(proxy.counters.kinds['upload-put'], 1)
  assert.equal(proxy.counters.bytesUp, 100_000)
  assert.equal(proxy.counters.bytesDown, 100_006)
})

test('answer: the registry is not asked', async () => {
  await using origin = await echo()
  await using proxy = await faultProxy(origin.url, () => ({ fault: 'answer', status: 429, headers: { 'retry-after': '1' }, body: 'wait' }))
  const { status, headers, body } = await plainRequest(proxy.url)
  assert.deepEqual([status, headers['retry-after'], body.toString()], [429, '1', 'wait'])
  assert.equal(origin.requests.length, 0)
})

test('answer-after: the registry did it, the client hears otherwise', async () => {
  await using origin = await echo()
  await using proxy = await faultProxy(origin.url, () => ({ fault: 'answer-after', status: 500 }))
  const { status } = await plainRequest(proxy.url, { method: 'PUT', body: content })
  assert.equal(status, 500)
  assert.equal(origin.requests[0]?.body.length, 100_000)
})

test('drop-response: the first attempt breaks off, the second is whole', async () => {
  await using origin = await echo()
  await using proxy = await faultProxy(origin.url, ({ attempt }) => (attempt === 1 ? { fault: 'drop-response', after: 70_000 } : undefined))
  await assert.rejects(plainRequest(`${proxy.url}/v2/a/blobs/1`), /aborted|ECONNRESET/)
  assert.equal(proxy.counters.bytesDown, 70_000)
  assert.deepEqual((await plainRequest(`${proxy.url}/v2/a/blobs/1`)).body, content)
  assert.equal(proxy.counters.faults, 1)
})

test('drop-request: the registry sees only the beginning', async () => {
  const { promise: failed, resolve } = deferred<Error>()
  await using origin = await scriptedServer((request) => void request.readBody().catch(resolve))
  await using proxy = await faultProxy(origin.url, () => ({ fault: 'drop-request', after: 70_000 }))
  await assert.rejects(plainRequest(proxy.url, { method: 'PUT', body: content }), /ECONNRESET|EPIPE|hang up/)
  assert.equal((await failed).message, 'aborted')
  assert.equal(origin.requests[0]?.body.length, 70_000)
})

test('flip-bit: one bit differs', async () => {
  await using origin = await echo()
  await using proxy = await faultProxy(origin.url, () => ({ fault: 'flip-bit', at: 90_000 }))
  const { body } = await plainRequest(proxy.url)
  const differences = [...body.entries()].filter(([at, byte]) => byte !== content[at])
  assert.deepEqual(differences, [[90_000, (content[90_000] ?? 0) ^ 1]])
})

test('Locations of a real registry with TLS lead back to the proxy', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  const authority = await certificateAuthority()
  await using registry = await startDockerRegistry({ tls: await authority.server() })
  await using proxy = await faultProxy(registry.url)
  const release = makeRelease({ images: [{ repository: 'rancher/x', tag: '1', kind: 'oci', layers: [{ megabytes: 1 }] }] })
  await pushRelease(proxy.url, release)
  assert.equal(proxy.counters.kinds['upload-put'], release.blobs.size)
  assert.equal(proxy.counters.kinds['manifest-put'], 4)
  assert.equal(proxy.counters.bytesUp, release.bytes + manifestBytes(release.images))
})

test('requests are named by what they are for', () => {
  assert.equal(requestKind('GET', '/v2/'), 'ping')
  assert.equal(requestKind('HEAD', '/v2/a/b/manifests/1'), 'manifest-head')
  assert.equal(requestKind('POST', '/v2/a/b/blobs/uploads/'), 'upload-post')
  assert.equal(requestKind('POST', '/v2/a/b/blobs/uploads/?mount=sha256:1&from=c'), 'mount')
  assert.equal(requestKind('PATCH', '/v2/a/b/blobs/uploads/id?_state=x'), 'upload-patch')
  assert.equal(requestKind('GET', '/v2/a/b/tags/list?n=5'), 'tags')
  assert.equal(requestKind('GET', '/v2/a/b/blobs/sha256:1'), 'blob-get')
  assert.equal(requestKind('GET', '/token?service=x'), 'other')
})

function manifestBytes(images: ReturnType<typeof makeRelease>['images']): number {
  return images.flatMap((image) => [image.index, ...image.manifests]).reduce((sum, { size }) => sum + size, 0)
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => (resolve = settle))
  return { promise, resolve }
}
