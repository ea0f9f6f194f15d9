import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { bytesOfManifest, conforms, digestOf, isRefused, pushedImage } from './conformance.ts'

const accept = { accept: `${mediaTypes.ociIndex}, ${mediaTypes.ociManifest}` }
const missing = digestOf(randomBytes(32))

conforms('Determining support', 'GET /v2/ is 200', async ({ call }) => {
  assert.equal((await call('GET', '/v2/')).status, 200)
})

conforms('Pulling manifests', 'GET and HEAD by tag and by digest give the bytes, the type, the length and the digest', async (registry) => {
  const image = await pushedImage(registry)
  const bytes = bytesOfManifest(image)
  assert.equal((await registry.putManifest(image, 'v1')).status, 201)
  for (const reference of ['v1', digestOf(bytes)]) {
    const path = `/v2/${registry.name}/manifests/${reference}`
    const [got, head] = [await registry.call('GET', path, { headers: accept }), await registry.call('HEAD', path, { headers: accept })]
    assert.deepEqual(got.body, bytes)
    assert.equal(head.body.length, 0)
    for (const { status, headers } of [got, head]) {
      assert.equal(status, 200)
      assert.equal(headers['content-type'], mediaTypes.ociManifest)
      assert.equal(headers['content-length'], String(bytes.length))
      assert.equal(headers['docker-content-digest'], digestOf(bytes))
    }
  }
})

conforms('Pulling manifests', 'an unknown tag or digest is 404 MANIFEST_UNKNOWN, and a HEAD has no body', async (registry) => {
  await registry.putManifest(await pushedImage(registry), 'v1')
  for (const reference of ['v2', missing]) {
    const path = `/v2/${registry.name}/manifests/${reference}`
    isRefused(await registry.call('GET', path, { headers: accept }), 404, 'MANIFEST_UNKNOWN')
    const head = await registry.call('HEAD', path, { headers: accept })
    assert.deepEqual([head.status, head.body.length], [404, 0])
  }
})

const answers500 = 'it answers some of these with 500'

conforms(
  'Pulling manifests',
  'a reference that is neither a tag nor a digest is 404, or 400',
  async ({ call, name }) => {
    for (const reference of ['.INVALID_MANIFEST_NAME', '-x', 'a'.repeat(129), 'sha256:baddigeststring', `sha256:${'A'.repeat(64)}`])
      assert.ok([400, 404].includes((await call('GET', `/v2/${name}/manifests/${reference}`)).status), reference)
  },
  { notDocker: answers500 },
)

conforms('Pulling manifests', 'a repository that does not exist is 404', async ({ call, name }) => {
  assert.equal((await call('GET', `/v2/${name}/manifests/v1`)).status, 404)
  assert.equal((await call('HEAD', `/v2/${name}/manifests/${missing}`)).status, 404)
})

conforms('Pulling manifests', 'a name outside the grammar is 400 NAME_INVALID or 404', async ({ call }) => {
  for (const name of ['UPPER/x', '-a/b', 'a/b-', 'a/_b', 'a..b', 'a/b___c']) {
    const answer = await call('GET', `/v2/${name}/manifests/v1`)
    if (answer.status === 400) isRefused(answer, 400, 'NAME_INVALID')
    else assert.equal(answer.status, 404, name)
  }
})

conforms('Pulling manifests', 'every name of the grammar is served', async (registry) => {
  for (const [at, part] of ['a', 'a.b', 'a_b', 'a__b', 'a--b', '0/1/2/3', 'manifests', 'blobs/uploads'].entries()) {
    const name = `${registry.name}/${part}`
    const opened = await registry.call('POST', `/v2/${name}/blobs/uploads/`)
    assert.equal(opened.status, 202, `${at} ${name}`)
    assert.equal((await registry.call('GET', `/v2/${name}/manifests/v1`)).status, 404)
  }
})

conforms('Pulling blobs', 'GET and HEAD give the bytes, the length and the digest', async (registry) => {
  for (const bytes of [randomBytes(2048), Buffer.from('{}'), Buffer.alloc(0)]) {
    const digest = await registry.pushBlob(bytes)
    const path = `/v2/${registry.name}/blobs/${digest}`
    const [got, head] = [await registry.call('GET', path), await registry.call('HEAD', path)]
    assert.deepEqual(got.body, bytes)
    assert.equal(head.body.length, 0)
    for (const { status, headers } of [got, head]) {
      assert.equal(status, 200)
      assert.equal(headers['content-length'], String(bytes.length))
      assert.equal(headers['docker-content-digest'], digest)
    }
  }
})

conforms('Pulling blobs', 'an unknown digest is 404 BLOB_UNKNOWN', async ({ call, name }) => {
  isRefused(await call('GET', `/v2/${name}/blobs/${missing}`), 404, 'BLOB_UNKNOWN')
  const head = await call('HEAD', `/v2/${name}/blobs/${missing}`)
  assert.deepEqual([head.status, head.body.length], [404, 0])
})

conforms('Pulling blobs', 'an invalid digest is 400 or 404', async ({ call, name }) => {
  for (const digest of ['sha256:short', 'md5:d41d8cd98f00b204e9800998ecf8427e', 'nonsense'])
    assert.ok([400, 404].includes((await call('GET', `/v2/${name}/blobs/${digest}`)).status))
})

conforms('Pulling blobs', 'a Range is 206 with its bytes', async (registry) => {
  const bytes = randomBytes(2048)
  const path = `/v2/${registry.name}/blobs/${await registry.pushBlob(bytes)}`
  const cases: [string, number, number][] = [
    ['500-1499', 500, 1500],
    ['500-', 500, 2048],
    ['-500', 1548, 2048],
    ['2000-5000', 2000, 2048],
  ]
  for (const [range, start, end] of cases) {
    const part = await registry.call('GET', path, { headers: { range: `bytes=${range}` } })
    assert.equal(part.status, 206, range)
    assert.deepEqual(part.body, bytes.subarray(start, end))
    assert.equal(part.headers['content-length'], String(end - start))
    assert.equal(part.headers['content-range'], `bytes ${start}-${end - 1}/2048`)
  }
})

conforms(
  'Pulling blobs',
  'a Range outside the blob is 416',
  async (registry) => {
    const path = `/v2/${registry.name}/blobs/${await registry.pushBlob(randomBytes(2048))}`
    for (const range of ['500-0', '5000-10000'])
      assert.equal((await registry.call('GET', path, { headers: { range: `bytes=${range}` } })).status, 416)
  },
  { notDocker: 'it announces the length of the whole blob and breaks off' },
)

conforms('Pulling blobs', 'several ranges at once may be ignored', async (registry) => {
  const bytes = randomBytes(600)
  const path = `/v2/${registry.name}/blobs/${await registry.pushBlob(bytes)}`
  const answer = await registry.call('GET', path, { headers: { range: 'bytes=0-9,20-29' } })
  if (answer.status === 200) assert.deepEqual(answer.body, bytes)
  else assert.match(answer.headers['content-type'] ?? '', /^multipart\/byteranges/)
})

conforms('Pulling blobs', 'an ETag comes back as 304', async (registry) => {
  const path = `/v2/${registry.name}/blobs/${await registry.pushBlob(randomBytes(60))}`
  const { etag } = (await registry.call('GET', path)).headers
  assert.ok(etag !== undefined)
  const again = await registry.call('GET', path, { headers: { 'if-none-match': etag } })
  assert.deepEqual([again.status, again.body.length], [304, 0])
})

conforms(
  'Registry proxying',
  'OCI-Namespace names the registry that `ns` selected',
  async (registry) => {
    await registry.putManifest(await pushedImage(registry), 'v1')
    const path = `/v2/${registry.name}/manifests/v1`
    assert.equal((await registry.call('GET', `${path}?ns=localhost`)).headers['oci-namespace'], 'localhost')
    for (const query of ['', '?ns=quay.io']) assert.equal((await registry.call('GET', path + query)).headers['oci-namespace'], undefined)
  },
  { notDocker: 'it knows no `ns`' },
)
