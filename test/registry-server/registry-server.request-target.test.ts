import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tinyBlob, tinyImage } from '../layout/tiny-image.ts'
import { startRegistry } from './start-registry.ts'

test('answers a request with an absolute target like one with a path', async () => {
  await using registry = await startRegistry()
  await registry.push('a/b', 'v1', tinyImage())
  for (const origin of [registry.url, 'http://other.example:1', 'HTTPS://other.example', 'http://user@[::1]:1']) {
    assert.equal((await registry.call('GET', `${origin}/v2/`)).status, 200, origin)
    const tags = await registry.call('GET', `${origin}/v2/a/b/tags/list?n=1`)
    assert.deepEqual(tags.json(), { name: 'a/b', tags: ['v1'] })
    assert.equal((await registry.call('GET', `${origin}/healthz`)).body.toString(), 'ok\n')
    assert.equal((await registry.call('GET', `${origin}/v2/a/b/nothing`)).status, 404)
  }
  const { bytes, descriptor } = tinyBlob(Buffer.from('blob'))
  const post = await registry.call('POST', `${registry.url}/v2/a/b/blobs/uploads/?digest=${descriptor.digest}`, { body: bytes })
  assert.deepEqual([post.status, post.headers.location], [201, `/v2/a/b/blobs/${descriptor.digest}`])
})

test('uses the host of the target, not that of the header', async () => {
  await using registry = await startRegistry()
  for (const target of ['http://mirror.example:5000', 'http://mirror.example:5000/', 'http://mirror.example:5000?a']) {
    const page = await registry.call('GET', target, { headers: { accept: 'text/html', host: 'other.example' } })
    assert.equal(page.status, 200)
    assert.ok(page.body.includes('mirror.example:5000') && !page.body.includes('other.example'), target)
  }
})
