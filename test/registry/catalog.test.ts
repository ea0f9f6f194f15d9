import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { startTokenServer } from '../servers/token-server.ts'
import { openRegistry } from './open-registry.ts'

test('lists the repositories of a docker-registry, with the scope that its challenge names', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using tokens = await startTokenServer({ users: { ann: 'secret' } })
  await using open = await startDockerRegistry()
  const { images } = await seedRelease(open.url, { scale: 0.0001 })
  await using server = await startDockerRegistry({ token: tokens.trust, rootDirectory: open.rootDirectory })
  await using registry = openRegistry(server.url, { credentials: ['ann', 'secret'] })
  assert.deepEqual(await registry.listRepositories('mirror'), images.map(({ repository }) => repository).toSorted())
  assert.deepEqual(tokens.requests.at(-1)?.scopes, ['registry:catalog:*'])
})

test('omits invalid names, follows pages, and rejects a registry without a catalog', async () => {
  await using server = await scriptedServer(({ index, url }, response) => {
    if (url.startsWith('/v2/_catalog?n=1000')) response.setHeader('link', '</v2/_catalog?last=b>; rel="next"')
    if (index > 1) response.statusCode = 404
    response.end(JSON.stringify({ repositories: index === 0 ? ['a', '../b', 7] : ['c/d'] }))
  })
  await using registry = openRegistry(server.url)
  assert.deepEqual(await registry.listRepositories(''), ['a', 'c/d'])
  await assert.rejects(registry.listRepositories(''), { code: 'NOT_FOUND', message: /^cannot list the repositories of 127\.0\.0\.1/ })
})
