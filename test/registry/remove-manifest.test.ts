import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { refuse } from '../servers/memory-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { startTokenServer } from '../servers/token-server.ts'
import { openRegistry } from './open-registry.ts'

const repository = { registry: 'registry.example.com', path: 'a/b' }
const digest = sha256(Buffer.from('manifest'))

/** A registry that answers every DELETE with one status, and other requests with another. */
async function answering(status: number, others = 404) {
  const server = await scriptedServer(({ method }, response) => {
    const answered = method === 'DELETE' ? status : others
    if (answered < 300)
      response
        .writeHead(answered, {
          'docker-content-digest': digest,
          'content-type': 'application/vnd.oci.image.manifest.v1+json',
          'content-length': '0',
        })
        .end()
    else refuse(response, answered, answered === 405 ? 'UNSUPPORTED' : 'DENIED')
  })
  const registry = openRegistry(server.url)
  return {
    registry,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

test('counts what is gone as removed', async () => {
  for (const status of [200, 202, 204, 404]) {
    await using server = await answering(status)
    assert.equal(await server.registry.removeTag({ ...repository, tag: '1' }), true, String(status))
    await server.registry.removeManifest(repository, digest)
  }
})

test('a registry that deletes no tags answers 400, 405 or 501, or 404 to a tag that it has', async () => {
  for (const [status, others] of [[400], [405], [501], [404, 200]]) {
    await using server = await answering(status ?? 0, others)
    assert.equal(await server.registry.removeTag({ ...repository, tag: '1' }), false, String(status))
  }
})

test('rejects a manifest that the registry does not delete, with the way to allow it', async () => {
  await using disabled = await answering(405)
  await assert.rejects(disabled.registry.removeManifest(repository, digest), {
    code: 'UNSUPPORTED',
    hint: /REGISTRY_STORAGE_DELETE_ENABLED=true/,
  })
  await using hidden = await answering(404, 200)
  await assert.rejects(hidden.registry.removeManifest(repository, digest), {
    code: 'UNSUPPORTED',
    message: /answered 404, but still has it$/,
  })
  await using denied = await answering(403)
  await assert.rejects(denied.registry.removeManifest(repository, digest), { code: 'DENIED', hint: /may delete/ })
})

test('asks for a token with the scope that a challenge names', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using tokens = await startTokenServer({ users: { ann: 'secret' } })
  await using open = await startDockerRegistry()
  const [image] = (await seedRelease(open.url, { scale: 0.0001 })).images
  await using server = await startDockerRegistry({ token: tokens.trust, rootDirectory: open.rootDirectory })
  await using registry = openRegistry(server.url, { credentials: ['ann', 'secret'] })
  const named = { registry: 'registry.example.com', path: image?.repository ?? '' }
  const found = await registry.headManifest({ ...named, tag: image?.tag ?? '' })
  assert.ok(found)
  await registry.removeManifest(named, found.digest)
  assert.deepEqual(tokens.requests.at(-1)?.scopes, [`repository:${named.path}:pull,delete`])
  assert.equal(await registry.headManifest({ ...named, tag: image?.tag ?? '' }), undefined)
})
