import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paginate } from '../../src/registry-server/tags.ts'
import { storeImage, tinyImage } from '../layout/tiny-image.ts'
import { startRegistry } from './start-registry.ts'

test('lists tags in byte order, in pages with a Link to the next', async () => {
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
  assert.deepEqual((await registry.call('GET', '/v2/a/c/tags/list')).code, 'NAME_UNKNOWN')
})

test('lists all tags for any large n, and refuses an invalid n', async () => {
  await using registry = await startRegistry()
  for (const tag of ['a', 'b']) await registry.push('a/b', tag, tinyImage())
  for (const [path, key, all] of [
    ['/v2/a/b/tags/list', 'tags', ['a', 'b']],
    ['/v2/_catalog', 'repositories', ['a/b']],
  ] as const) {
    for (const n of ['2', '1000000000', '9007199254740993', '1'.repeat(400)]) {
      const answer = await registry.call('GET', `${path}?n=${n}`)
      assert.equal(answer.status, 200, n)
      assert.deepEqual((answer.json() as Record<string, unknown>)[key], all, n)
      assert.equal(answer.headers['link'], undefined)
    }
    for (const n of ['', '-1', 'x', '1.5', '1e3', '0x1', '%2B1', '1%20']) {
      const refused = await registry.call('GET', `${path}?n=${n}`)
      assert.deepEqual([refused.status, refused.code], [400, 'UNSUPPORTED'], n)
      assert.match(refused.body.toString(), /n must be a whole number/)
    }
  }
})

test('lists no tags for a repository without any, and no children as tags', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', image.root.descriptor.digest, image)
  assert.deepEqual((await registry.call('GET', '/v2/a/b/tags/list')).json(), { name: 'a/b', tags: [] })
})

test('lists every repository once in the catalogue, in pages', async () => {
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

test('selects between repositories of one path by the registry that containerd asks for', async () => {
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

test('limits a page to ten thousand names', () => {
  const names = Array.from({ length: 10_001 }, (_, at) => `v${String(at).padStart(5, '0')}`)
  for (const query of ['', 'n=20000', `n=${'9'.repeat(5000)}`]) {
    const page = paginate(names, new URLSearchParams(query), '/v2/a/tags/list')
    assert.ok('names' in page)
    assert.equal(page.names.length, 10_000)
    assert.equal(page.headers['link'], '</v2/a/tags/list?n=10000&last=v09999>; rel="next"')
  }
})
