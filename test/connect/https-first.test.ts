import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpsFirst } from '../../src/connect/https-first.ts'
import { tinyIndex } from '../layout/tiny-image.ts'
import { openRegistry } from '../registry/open-registry.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'

const reference = { registry: 'r.example', path: 'a/b', tag: '1' }

test('a server that speaks no TLS is asked by HTTP, from then on', async () => {
  const image = tinyIndex()
  await using server = await memoryRegistry()
  server.hold('a/b', '1', image)
  await using https = openRegistry(server.url.replace('http:', 'https:'))
  await using http = openRegistry(server.url)
  let tried = 0
  const place = httpsFirst(
    {
      headManifest: (...args) => (tried++, https.headManifest(...args)),
      getManifest: (...args) => (tried++, https.getManifest(...args)),
      headBlob: (...args) => (tried++, https.headBlob(...args)),
      getBlob: (...args) => (tried++, https.getBlob(...args)),
    },
    http,
  )
  assert.deepEqual(await place.headManifest(reference), image.root.descriptor)
  const [blob] = image.blobs
  assert.ok(blob)
  assert.equal(await place.headBlob(reference, blob.descriptor), true)
  assert.equal((await place.getManifest(reference)).bytes.length, image.root.bytes.length)
  ;(await place.getBlob(reference, blob.descriptor)).cancel()
  assert.equal(tried, 1)
})

test('a server that speaks TLS is never asked in plain text, not even where its certificate is wrong', async () => {
  const authority = await certificateAuthority()
  await using server = await memoryRegistry(undefined, { tls: await authority.server() })
  server.hold('a/b', '1', tinyIndex())
  await using plain = openRegistry(server.url.replace('https:', 'http:'))
  await using trusting = openRegistry(server.url, { tls: { ca: authority.certificate } })
  assert.ok(await httpsFirst(trusting, plain).headManifest(reference))
  await using doubting = openRegistry(server.url)
  await assert.rejects(httpsFirst(doubting, plain).headManifest(reference), { code: 'TLS' })
})
