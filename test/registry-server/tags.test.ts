import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storeImage, tinyImage } from '../layout/tiny-image.ts'
import { startRegistry } from './start-registry.ts'

test('tags are listed in the order of their bytes, in pages that Link to the next', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  for (const tag of ['b', 'a', 'C', '1.10', '1.9', '_x']) await registry.push('a/b', tag, image)
  const all = await registry.call('GET', '/v2/a/b/tags/list')
  assert.deepEqual(all.json(), { name: 'a/b', tags: ['1.10', '1.9', 'C', '_x', 'a', 'b'] })
  const seen: string[] = []
  for (let path: string | undefined = '/v2/a/b/tags/list?n=4'; path !== undefined;) {
    const page = await registry.call('GET', path)
    seen.push(...(page.json() as { tags: string[] }).tags)
    path = /^<(.*)>; rel="next"$/.exec(String(page.headers['link']))?.[1]
  }
  assert.deepEqual(seen, ['1.10', '1.9', 'C', '_x', 'a', 'b'])
  const after = await registry.call('GET', '/v2/a/b/tags/list?last=D')
  assert.deepEqual(after.json(), { name: 'a/b', tags: ['_x', 'a', 'b'] })
  const none = await registry.call('GET', '/v2/a/b/tags/list?n=0')
  assert.deepEqual(none.json(), { name: 'a/b', tags: [] })
  assert.equal(none.headers['link'], undefined)
  assert.equal((await registry.call('GET', '/v2/a/b/tags/list?n=6')).headers['link'], undefined)
  assert.equal((await registry.call('GET', '/v2/a/b/tags/list?n=x')).status, 400)
  assert.deepEqual((await registry.call('GET', '/v2/a/c/tags/list')).code, 'NAME_UNKNOWN')
})

test('a repository without a tag has an empty list, and children are no tags', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', image.root.descriptor.digest, image)
  assert.deepEqual((await registry.call('GET', '/v2/a/b/tags/list')).json(), { name: 'a/b', tags: [] })
})

test('the catalogue lists every repository once, in pages', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  for (const name of ['b', 'a/x', 'a']) await registry.push(name, '1', image)
  await storeImage(registry.layout, 'docker.io/rancher/x:1', image)
  await storeImage(registry.layout, 'ghcr.io/rancher/x:1', image)
  assert.deepEqual((await registry.call('GET', '/v2/_catalog')).json(), { repositories: ['a', 'a/x', 'b', 'rancher/x'] })
  const page = await registry.call('GET', '/v2/_catalog?n=2')
  assert.deepEqual(page.json(), { repositories: ['a', 'a/x'] })
  assert.equal(page.headers['link'], '</v2/_catalog?n=2&last=a%2Fx>; rel="next"')
})

test('the registry that a containerd asks for decides between repositories of one path', async () => {
  await using registry = await startRegistry()
  const [docker, ghcr] = [tinyImage(), tinyImage()]
  await storeImage(registry.layout, 'docker.io/k3s/x:1', docker)
  await storeImage(registry.layout, 'ghcr.io/k3s/x:1', ghcr)
  const digestOf = async (query: string): Promise<unknown> =>
    (await registry.call('HEAD', `/v2/k3s/x/manifests/1${query}`)).headers['docker-content-digest']
  assert.equal(await digestOf('?ns=docker.io'), docker.root.descriptor.digest)
  assert.equal(await digestOf('?ns=ghcr.io'), ghcr.root.descriptor.digest)
  assert.equal(await digestOf('?ns=quay.io'), undefined)
  assert.equal(await digestOf(''), docker.root.descriptor.digest)
})
