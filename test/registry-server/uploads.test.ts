import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { tinyBlob } from '../layout/tiny-image.ts'
import { checkStored, leftovers, openUpload, uploads } from './open-upload.ts'
import { startRegistry, type Answer } from './start-registry.ts'

for (const algorithm of ['sha256', 'sha512']) {
  for (const size of [0, 2, 3067, 1_500_000]) {
    const bytes = randomBytes(size)
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`

    test(`stores ${size} bytes in every form of upload, with ${algorithm}`, async () => {
      await using registry = await startRegistry()
      const stored = (answer: Answer): Promise<void> => checkStored(registry, answer, bytes, digest)
      await stored(await registry.call('POST', `${uploads}?digest=${digest}`, { body: bytes }))
      await stored(await registry.call('PUT', `${await openUpload(registry)}?digest=${digest}`, { body: bytes }))

      const streamed = await openUpload(registry)
      assert.equal((await registry.call('PATCH', streamed, { body: bytes, isChunked: true })).status, 202)
      await stored(await registry.call('PUT', `${streamed}?digest=${digest}`))

      for (const isLastWithPut of [false, true]) {
        const location = await openUpload(registry)
        const step = Math.floor(size / 3) + 1
        let at = 0
        for (; at < size - (isLastWithPut ? step : 0); at += step) {
          const chunk = bytes.subarray(at, at + step)
          const range = `${at}-${at + chunk.length - 1}`
          const patched = await registry.call('PATCH', location, { body: chunk, headers: { 'content-range': range } })
          assert.equal(patched.status, 202)
          assert.equal(patched.headers.range, `0-${at + chunk.length - 1}`)
          const status = await registry.call('GET', patched.headers.location ?? '')
          assert.deepEqual([status.status, status.headers.range], [204, `0-${at + chunk.length - 1}`])
        }
        const rest = bytes.subarray(at)
        const headers = rest.length === 0 ? {} : { 'content-range': `${at}-${size - 1}` }
        await stored(await registry.call('PUT', `${location}?digest=${digest}`, { body: rest, headers }))
      }
    })
  }
}

test('answers 416 for a chunk out of order, and resumes the upload where it stopped', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  const location = await openUpload(registry)
  const chunk = (start: number, end: number): { body: Uint8Array; headers: Record<string, string> } => ({
    body: bytes.subarray(start, end),
    headers: { 'content-range': `${start}-${end - 1}` },
  })
  assert.equal((await registry.call('PATCH', location, chunk(1000, 2000))).status, 416)
  assert.equal((await registry.call('PATCH', location, chunk(0, 1000))).status, 202)
  for (const method of ['PATCH', 'PUT']) {
    const refused = await registry.call(method, `${location}?digest=${descriptor.digest}`, chunk(2000, 3000))
    assert.equal(refused.status, 416)
    assert.equal(refused.headers.range, '0-999')
    assert.equal(refused.headers.location, location)
  }
  assert.equal((await registry.call('PATCH', location, { body: 'xx', headers: { 'content-range': 'nonsense' } })).status, 400)
  assert.equal((await registry.call('PATCH', location, { body: 'xx', headers: { 'content-range': '1000-1005' } })).code, 'SIZE_INVALID')
  assert.equal((await registry.call('PATCH', location, chunk(1000, 2000))).status, 202)
  await checkStored(
    registry,
    await registry.call('PUT', `${location}?digest=${descriptor.digest}`, chunk(2000, 3000)),
    bytes,
    descriptor.digest,
  )
})

test('refuses bytes of another digest in every form, and ends the upload', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  const wrong = Buffer.concat([bytes, Buffer.from('oh no')])
  const query = `?digest=${descriptor.digest}`
  const single = await registry.call('POST', uploads + query, { body: wrong })
  assert.deepEqual([single.status, single.code], [400, 'DIGEST_INVALID'])
  for (const isPatched of [false, true]) {
    const location = await openUpload(registry)
    if (isPatched) await registry.call('PATCH', location, { body: wrong })
    const answer = await registry.call('PUT', location + query, { body: isPatched ? '' : wrong })
    assert.deepEqual([answer.status, answer.code], [400, 'DIGEST_INVALID'])
    const after = await registry.call('GET', location)
    assert.deepEqual([after.status, after.code], [404, 'BLOB_UPLOAD_UNKNOWN'])
  }
  assert.equal((await registry.call('HEAD', `/v2/a/b/blobs/${descriptor.digest}`)).status, 404)
  assert.deepEqual(await leftovers(registry), [])
  const location = await openUpload(registry)
  assert.equal((await registry.call('PUT', location, { body: bytes })).code, 'DIGEST_INVALID')
  assert.equal((await registry.call('PUT', `${location}?digest=sha256:1`, { body: bytes })).code, 'DIGEST_INVALID')
  assert.equal((await registry.call('POST', `${uploads}?digest=sha256:1`, { body: bytes })).code, 'DIGEST_INVALID')
})

test('opens uploads for sha256 and sha512 only', async () => {
  await using registry = await startRegistry()
  for (const algorithm of ['sha384', 'SHA512', '', 'x'.repeat(3000)]) {
    const refused = await registry.call('POST', `${uploads}?digest-algorithm=${algorithm}`)
    assert.deepEqual([refused.status, refused.code], [400, 'DIGEST_INVALID'], algorithm)
  }
  assert.deepEqual(await leftovers(registry), [])
  const bytes = randomBytes(3000)
  for (const announced of ['sha256', 'sha512']) {
    for (const algorithm of ['sha256', 'sha512']) {
      const { status, headers } = await registry.call('POST', `${uploads}?digest-algorithm=${announced}`)
      assert.equal(status, 202)
      const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
      await checkStored(registry, await registry.call('PUT', `${headers.location}?digest=${digest}`, { body: bytes }), bytes, digest)
    }
  }
})

test('mounts a present blob with or without `from`, and opens an upload otherwise', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(300))
  const mount = `/v2/c/blobs/uploads/?mount=${descriptor.digest}`
  const missing = await registry.call('POST', `${mount}&from=a/b`)
  assert.equal(missing.status, 202)
  await checkStored(
    registry,
    await registry.call('PUT', `${missing.headers.location}?digest=${descriptor.digest}`, { body: bytes }),
    bytes,
    descriptor.digest,
  )
  for (const query of ['&from=a/b', '']) await checkStored(registry, await registry.call('POST', mount + query), bytes, descriptor.digest)
  assert.equal((await registry.call('POST', '/v2/c/blobs/uploads/?mount=nonsense')).status, 400)
})

test('cancels an upload through its own repository only', async () => {
  await using registry = await startRegistry()
  const location = await openUpload(registry)
  const elsewhere = location.replace('/a/b/', '/a/c/')
  for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
    for (const path of [elsewhere, `${uploads}00000000-0000-0000-0000-000000000000`, `${uploads}..`]) {
      const answer = await registry.call(method, path)
      assert.deepEqual([answer.status, answer.code], [404, 'BLOB_UPLOAD_UNKNOWN'])
    }
  }
  assert.equal((await leftovers(registry)).length, 1)
  assert.equal((await registry.call('DELETE', location)).status, 204)
  assert.equal((await registry.call('DELETE', location)).status, 404)
  assert.deepEqual(await leftovers(registry), [])
})

test('a PUT with an invalid digest, or of another algorithm, leaves the upload as it was', async () => {
  await using registry = await startRegistry()
  const { bytes, descriptor } = tinyBlob(randomBytes(3000))
  const location = await openUpload(registry)
  assert.equal((await registry.call('PATCH', location, { body: bytes.subarray(0, 1000) })).status, 202)
  const sha384 = `sha384:${createHash('sha384').update(bytes).digest('hex')}`
  for (const query of ['', '?digest=', '?digest=sha256:1', '?digest=nonsense', `?digest=${sha384}`]) {
    const refused = await registry.call('PUT', location + query, { body: bytes.subarray(1000) })
    assert.deepEqual([refused.status, refused.code], [400, 'DIGEST_INVALID'], query)
    const status = await registry.call('GET', location)
    assert.deepEqual([status.status, status.headers.range], [204, '0-999'], query)
  }
  const put = await registry.call('PUT', `${location}?digest=${descriptor.digest}`, { body: bytes.subarray(1000) })
  await checkStored(registry, put, bytes, descriptor.digest)
})
