import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { conforms, digestOf, isRefused, octets, withQuery, type AskedRegistry } from './conformance.ts'
import type { Answer } from './start-registry.ts'

const algorithms = ['sha256', 'sha512'] as const
const noSha512 = 'it stores every blob under its sha256 digest'
const noContentRange = 'it does not read Content-Range'

async function open({ call, name }: AskedRegistry): Promise<string> {
  const opened = await call('POST', `/v2/${name}/blobs/uploads/`, { headers: { 'content-length': '0' } })
  assert.equal(opened.status, 202)
  assert.ok(opened.headers.location)
  return opened.headers.location
}

async function isStored({ call }: AskedRegistry, stored: Answer, bytes: Uint8Array, digest: string): Promise<void> {
  assert.equal(stored.status, 201, stored.body.toString())
  if (stored.headers['docker-content-digest'] !== undefined) assert.equal(stored.headers['docker-content-digest'], digest)
  const got = await call('GET', stored.headers.location ?? '')
  assert.deepEqual([got.status, got.body.equals(bytes)], [200, true])
}

/** PATCHes all chunks but the last, in order, and gives the last answer's Location. */
async function patchChunks({ call }: AskedRegistry, first: string, bytes: Uint8Array, step: number): Promise<string> {
  let location = first
  for (let at = 0; at < bytes.length; at += step) {
    const chunk = bytes.subarray(at, at + step)
    const headers = { ...octets, 'content-range': `${at}-${at + chunk.length - 1}` }
    const patched = await call('PATCH', location, { body: chunk, headers })
    assert.equal(patched.status, 202)
    assert.equal(patched.headers.range, `0-${at + chunk.length - 1}`)
    location = patched.headers.location ?? ''
    const status = await call('GET', location)
    assert.deepEqual([status.status, status.headers.range, status.body.length], [204, `0-${at + chunk.length - 1}`, 0])
    location = status.headers.location ?? ''
  }
  return location
}

for (const algorithm of algorithms) {
  const options = algorithm === 'sha512' ? { notDocker: noSha512 } : {}
  const blob = (size: number): { bytes: Buffer; digest: string } => {
    const bytes = randomBytes(size)
    return { bytes, digest: digestOf(bytes, algorithm) }
  }

  conforms(
    'Pushing a blob monolithically',
    `POST then PUT stores it, and its Location is pullable, ${algorithm}`,
    async (registry) => {
      for (const size of [512, 0]) {
        const { bytes, digest } = blob(size)
        const stored = await registry.call('PUT', withQuery(await open(registry), { digest }), { body: bytes, headers: octets })
        await isStored(registry, stored, bytes, digest)
      }
    },
    options,
  )

  conforms(
    'Pushing a blob monolithically',
    `a single POST stores it, or opens an upload, ${algorithm}`,
    async (registry) => {
      const { bytes, digest } = blob(512)
      const posted = await registry.call('POST', `/v2/${registry.name}/blobs/uploads/?digest=${digest}`, { body: bytes, headers: octets })
      if (posted.status === 201) return isStored(registry, posted, bytes, digest)
      assert.equal(posted.status, 202)
      const stored = await registry.call('PUT', withQuery(posted.headers.location, { digest }), { body: bytes, headers: octets })
      await isStored(registry, stored, bytes, digest)
    },
    options,
  )

  conforms(
    'Pushing a blob in chunks',
    `a stream without Content-Range, then PUT, ${algorithm}`,
    async (registry) => {
      const { bytes, digest } = blob(5000)
      const patched = await registry.call('PATCH', await open(registry), { body: bytes, headers: octets, isChunked: true })
      assert.equal(patched.status, 202)
      await isStored(registry, await registry.call('PUT', withQuery(patched.headers.location, { digest })), bytes, digest)
    },
    options,
  )

  conforms(
    'Pushing a blob in chunks',
    `chunks in order, each reported by Range and by GET, the last by PATCH or by PUT, ${algorithm}`,
    async (registry) => {
      for (const last of [0, 1019]) {
        const { bytes, digest } = blob(3067)
        const end = bytes.length - last
        const location = withQuery(await patchChunks(registry, await open(registry), bytes.subarray(0, end), 1024), { digest })
        const headers = last === 0 ? {} : { ...octets, 'content-range': `${end}-${bytes.length - 1}` }
        await isStored(registry, await registry.call('PUT', location, { body: bytes.subarray(end), headers }), bytes, digest)
      }
    },
    options,
  )

  conforms(
    'Pushing a blob',
    `bytes of another digest are 400 DIGEST_INVALID in every way, and nothing is stored, ${algorithm}`,
    async (registry) => {
      const { bytes, digest } = blob(3067)
      const wrong = Buffer.concat([bytes, Buffer.from('oh no')])
      const put = async (location: string, body: Uint8Array): Promise<void> =>
        isRefused(await registry.call('PUT', withQuery(location, { digest }), { body, headers: octets }), 400, 'DIGEST_INVALID')
      await put(await open(registry), wrong)
      const patched = await registry.call('PATCH', await open(registry), { body: wrong, headers: octets })
      await put(patched.headers.location ?? '', Buffer.alloc(0))
      const posted = await registry.call('POST', `/v2/${registry.name}/blobs/uploads/?digest=${digest}`, { body: wrong, headers: octets })
      if (posted.status !== 202) isRefused(posted, 400, 'DIGEST_INVALID')
      assert.equal((await registry.call('HEAD', `/v2/${registry.name}/blobs/${digest}`)).status, 404)
    },
    options,
  )
}

conforms(
  'Pushing a blob in chunks',
  'a chunk out of order, by PATCH or PUT, repeated or ahead, is 416, and GET reports where to continue',
  async (registry) => {
    const bytes = randomBytes(3067)
    const digest = digestOf(bytes)
    let location = await open(registry)
    const send = async (method: string, start: number, end: number): Promise<Answer> => {
      const headers = { ...octets, 'content-range': `${start}-${end - 1}` }
      const target = method === 'PUT' ? withQuery(location, { digest }) : location
      return registry.call(method, target, { body: bytes.subarray(start, end), headers })
    }
    for (const at of [0, 1024, 2048]) {
      for (const start of [1024, 2048, 0].filter((other) => other !== at)) {
        const refused = await send(start === 2048 ? 'PUT' : 'PATCH', start, Math.min(start + 1024, bytes.length))
        assert.equal(refused.status, 416)
        const status = await registry.call('GET', location)
        assert.equal(status.status, 204)
        assert.equal(status.headers.range, `0-${Math.max(0, at - 1)}`)
        location = status.headers.location ?? ''
      }
      const taken = await send(at === 2048 ? 'PUT' : 'PATCH', at, Math.min(at + 1024, bytes.length))
      if (at === 2048) return isStored(registry, taken, bytes, digest)
      assert.equal(taken.status, 202)
    }
  },
  { notDocker: noContentRange },
)

conforms('Pushing a blob', 'a PUT without a digest, or with an invalid one, is 400 DIGEST_INVALID', async (registry) => {
  isRefused(await registry.call('PUT', await open(registry), { body: 'x', headers: octets }), 400, 'DIGEST_INVALID')
  const bad = withQuery(await open(registry), { digest: 'sha256:baddigeststring' })
  isRefused(await registry.call('PUT', bad, { body: 'x', headers: octets }), 400, 'DIGEST_INVALID')
})

conforms('Cancel a blob upload', 'DELETE is 204, and the upload is 404 BLOB_UPLOAD_UNKNOWN afterwards', async (registry) => {
  const location = await open(registry)
  assert.equal((await registry.call('DELETE', location)).status, 204)
  isRefused(await registry.call('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN')
  isRefused(await registry.call('PATCH', location, { body: 'x', headers: octets }), 404, 'BLOB_UPLOAD_UNKNOWN')
  isRefused(await registry.call('PUT', withQuery(location, { digest: digestOf(Buffer.from('x')) })), 404, 'BLOB_UPLOAD_UNKNOWN')
})

conforms(
  'Pushing a blob',
  'an upload that was never opened is 404 BLOB_UPLOAD_UNKNOWN',
  async ({ call, name }) => {
    for (const id of ['00000000-0000-4000-8000-000000000000', 'x'])
      for (const method of ['GET', 'PATCH', 'PUT', 'DELETE'])
        isRefused(await call(method, `/v2/${name}/blobs/uploads/${id}`), 404, 'BLOB_UPLOAD_UNKNOWN')
  },
  { notDocker: 'it refuses an upload without its own signed state as invalid' },
)

conforms('Pushing a blob', 'a name outside the grammar is 400 NAME_INVALID or 404', async ({ call }) => {
  for (const name of ['UPPER', 'a/-b']) assert.ok([400, 404].includes((await call('POST', `/v2/${name}/blobs/uploads/`)).status))
})

conforms('Mounting a blob from another repository', 'a blob that is there is 201 under its new name', async (registry) => {
  const bytes = randomBytes(512)
  const digest = await registry.pushBlob(bytes)
  const mounted = await registry.call('POST', `/v2/${registry.other}/blobs/uploads/?mount=${digest}&from=${registry.name}`)
  await isStored(registry, mounted, bytes, digest)
  assert.equal(new URL(mounted.headers.location ?? '', 'http://x').pathname, `/v2/${registry.other}/blobs/${digest}`)
})

conforms('Mounting a blob from another repository', 'without `from` it is 201 or an upload', async (registry) => {
  const bytes = randomBytes(512)
  const digest = await registry.pushBlob(bytes)
  const mounted = await registry.call('POST', `/v2/${registry.other}/blobs/uploads/?mount=${digest}`)
  if (mounted.status === 201) await isStored(registry, mounted, bytes, digest)
  else assert.equal(mounted.status, 202)
})

conforms('Mounting a blob from another repository', 'a blob that is not there opens an upload, which takes it', async (registry) => {
  const bytes = randomBytes(512)
  const digest = digestOf(bytes)
  for (const from of [`&from=${registry.other}`, '']) {
    const opened = await registry.call('POST', `/v2/${registry.name}/blobs/uploads/?mount=${digest}${from}`)
    assert.equal(opened.status, 202)
    if (from !== '') continue
    const stored = await registry.call('PUT', withQuery(opened.headers.location, { digest }), { body: bytes, headers: octets })
    await isStored(registry, stored, bytes, digest)
  }
})

conforms('Pushing a blob', 'one that is uploaded by many at once is stored for each', async (registry) => {
  const bytes = randomBytes(200_000)
  const digest = digestOf(bytes)
  const locations = await Promise.all(Array.from({ length: 8 }, () => open(registry)))
  const stored = await Promise.all(
    locations.map((location) => registry.call('PUT', withQuery(location, { digest }), { body: bytes, headers: octets })),
  )
  for (const answer of stored) await isStored(registry, answer, bytes, digest)
})
