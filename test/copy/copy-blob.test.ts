import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { copyBlob, type BlobOptions } from '../../src/copy/copy-blob.ts'
import { tinyBlob, type TinyBlob } from '../layout/tiny-image.ts'
import type { Intercept } from '../servers/memory-registry.ts'
import { twoMemories, type TwoMemories } from './two-memories.ts'

const small = tinyBlob(randomBytes(3000))
const large = tinyBlob(randomBytes(1_200_000))
const at = (path: string) => ({ registry: 'r.example', path })

function copy(memories: TwoMemories, { descriptor }: TinyBlob, path = 'm/a', options: BlobOptions = {}) {
  return copyBlob({ descriptor, from: { registry: 'docker.io', path: 'a' }, to: at(path) }, memories.ends, options)
}

async function memories(...blobs: readonly TinyBlob[]): Promise<TwoMemories> {
  const two = await twoMemories()
  for (const { bytes, descriptor } of blobs) two.from.blobs.set(`a@${descriptor.digest}`, Buffer.from(bytes))
  return two
}

test('checks a large blob by HEAD, copies it, and remembers it', async () => {
  await using two = await memories(large)
  assert.equal(await copy(two, large), 'copied')
  assert.deepEqual(two.to.kinds(), ['blob-head', 'upload-post', 'upload-put'])
  assert.equal(await copy(two, large), 'present')
  assert.equal(two.to.requests.length, 3)
  assert.deepEqual(two.to.blobs.get(`m/a@${large.descriptor.digest}`), Buffer.from(large.bytes))
})

test('does not request a blob from the source that the repository has', async () => {
  for (const blob of [small, large]) {
    await using two = await memories(blob)
    two.to.blobs.set(`m/a@${blob.descriptor.digest}`, Buffer.from(blob.bytes))
    assert.equal(await copy(two, blob), 'present')
    assert.deepEqual([two.from.requests.length, two.to.requests.length], [0, 1])
  }
})

test('needs one GET, one upload and 49 mounts for a blob of fifty repositories', async () => {
  for (const blob of [small, large]) {
    await using two = await memories(blob)
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, n) => copy(two, blob, `m/${n}`)))
    assert.deepEqual(
      [outcomes.filter((outcome) => outcome === 'copied').length, outcomes.filter((outcome) => outcome === 'mounted').length],
      [1, 49],
    )
    assert.deepEqual([two.from.count('blob-get'), two.to.count('upload-put')], [1, 1])
    assert.equal(two.to.blobs.size, 50)
  }
})

test('uploads the blob to each repository where every mount is refused, and leaves no session open', async () => {
  await using two = await memories(large)
  two.to.intercept = ({ kind, path, scripted }, response) => {
    if (kind !== 'mount') return false
    const session = `${path.split('?')[0]}m${scripted.index}`
    ;(two.to.sessions as Set<string>).add(session)
    response.writeHead(202, { location: session }).end()
    return true
  }
  await Promise.all(Array.from({ length: 5 }, (_, n) => copy(two, large, `m/${n}`)))
  await two.close()
  assert.deepEqual([two.to.blobs.size, two.to.sessions.size, two.to.count('upload-post')], [5, 0, 1])
})

test('lets the next copy do the work after the first one fails', async () => {
  await using two = await memories(small)
  two.to.intercept = ({ kind, path }, response) => {
    if (kind !== 'upload-put' || !path.startsWith('/v2/m/0/')) return false
    response.writeHead(403).end()
    return true
  }
  const [first, second] = await Promise.allSettled([copy(two, small, 'm/0'), copy(two, small, 'm/1')])
  assert.equal(first.status, 'rejected')
  assert.deepEqual(second, { status: 'fulfilled', value: 'copied' })
})

test('uploads a disproved blob even where the destination reports it', async () => {
  await using two = await memories(large)
  two.to.blobs.set(`m/a@${large.descriptor.digest}`, Buffer.from(large.bytes))
  assert.equal(await copy(two, large, 'm/a', { presence: 'disproved' }), 'copied')
  assert.deepEqual(two.to.kinds(), ['upload-post', 'upload-put'])
})

test('does not read a blob again whose bytes are known', async () => {
  await using two = await memories()
  const { bytes, descriptor } = small
  assert.equal(await copy(two, { bytes, descriptor: { ...descriptor, data: bytes } }), 'copied')
  assert.equal(two.from.requests.length, 0)
})

/** Answers reading with a flipped bit, so many times. */
function flip(bytes: Uint8Array, times: number): Intercept {
  return ({ kind, nth }, response) => {
    if (kind !== 'blob-get' || nth > times) return false
    const copy = Buffer.from(bytes)
    copy[100] = (copy[100] ?? 0) ^ 1
    response.writeHead(200, { 'content-length': copy.length }).end(copy)
    return true
  }
}

// E67
test('retries once from the start after a bit flipped', async () => {
  await using two = await memories(large)
  two.from.intercept = flip(large.bytes, 1)
  const retries: string[] = []
  assert.equal(await copy(two, large, 'm/a', { onRetry: ({ error }) => retries.push(error.code) }), 'copied')
  assert.deepEqual(retries, ['INTEGRITY'])
  assert.deepEqual(
    two.from.requests.map(({ headers }) => headers.range),
    [undefined, undefined],
  )
  assert.deepEqual(two.to.blobs.get(`m/a@${large.descriptor.digest}`), Buffer.from(large.bytes))
})

// E67
test('fails after two attempts where a bit always flips, without delivering all bytes', async () => {
  await using two = await memories(large)
  two.from.intercept = flip(large.bytes, 99)
  await assert.rejects(copy(two, large), { code: 'INTEGRITY', side: 'source' })
  await two.close()
  assert.equal(two.from.count('blob-get'), 2)
  assert.deepEqual([two.to.blobs.size, two.to.sessions.size, two.to.writes.length], [0, 0, 0])
  for (const { kind, scripted } of two.to.requests) if (kind === 'upload-put') assert.ok(scripted.body.length < large.bytes.length)
})

test('sends the blob again from its start after the destination drops an upload', async () => {
  await using two = await memories(large)
  two.to.intercept = ({ kind, nth, scripted }) => {
    if (kind !== 'upload-put' || nth > 2) return false
    scripted.socket.destroy()
    return true
  }
  assert.equal(await copy(two, large), 'copied')
  assert.deepEqual(
    two.from.requests.map(({ headers }) => headers.range),
    [undefined, undefined, undefined],
  )
  await two.close()
  assert.equal(two.to.sessions.size, 0)
})

test('resumes into the same upload after the source closes the connection', async () => {
  await using two = await memories(large)
  two.from.intercept = ({ kind, nth, scripted }, response) => {
    if (kind !== 'blob-get' || nth > 1) return false
    response.writeHead(200, { 'content-length': large.bytes.length })
    response.write(large.bytes.subarray(0, 700_000), () => scripted.socket.destroySoon())
    return true
  }
  assert.equal(await copy(two, large), 'copied')
  assert.deepEqual([two.to.count('upload-post'), two.to.count('upload-put')], [1, 1])
  assert.equal(two.from.requests[1]?.headers.range, 'bytes=700000-')
})

test('reports a blob that the source lost, and cancels the open upload', async () => {
  await using two = await memories()
  await assert.rejects(copy(two, large), { code: 'NOT_FOUND', side: 'source' })
  await two.close()
  assert.equal(two.to.sessions.size, 0)
})

test('retries once after the destination answers DIGEST_INVALID', async () => {
  await using two = await memories(small)
  two.to.intercept = ({ kind, nth }, response) => {
    if (kind !== 'upload-put' || nth > 1) return false
    response.writeHead(400, { 'content-type': 'application/json' }).end('{"errors":[{"code":"DIGEST_INVALID"}]}')
    return true
  }
  assert.equal(await copy(two, small), 'copied')
})
