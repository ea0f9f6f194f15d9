import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference } from '../../src/oci/reference.ts'
import { dockerImage } from '../engine/docker-image.ts'
import { memoryRegistry, refuse, type MemoryRegistry } from '../servers/memory-registry.ts'
import { openRegistry } from './open-registry.ts'

/** A registry that deletes as `can` says, and notes what it was asked to. */
async function registryThat(can: {
  readonly tags: boolean
  readonly manifests: boolean
}): Promise<MemoryRegistry & { readonly deletes: string[] }> {
  const deletes: string[] = []
  const registry: MemoryRegistry = await memoryRegistry(({ method, path }, response) => {
    const [, repository, name] = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(path) ?? []
    if (method !== 'DELETE' || repository === undefined || name === undefined) return undefined
    deletes.push(name)
    const isDigest = name.includes(':')
    if (!(isDigest ? can.manifests : can.tags)) return refuse(response, isDigest ? 405 : 400, isDigest ? 'UNSUPPORTED' : 'DIGEST_INVALID')
    const found = registry.manifests.get(`${repository}${isDigest ? '@' : ':'}${name}`)
    for (const [key, held] of registry.manifests)
      if (isDigest ? held === found : key === `${repository}:${name}`) registry.manifests.delete(key)
    response.writeHead(found === undefined ? 404 : 202).end()
    return true
  })
  const { pushed } = dockerImage()
  registry.hold('x', 'keep', pushed)
  registry.hold('x', 'gone', pushed)
  return Object.assign(registry, { deletes })
}

for (const [what, can, expected, asked] of [
  ['sends one request to a registry that deletes tags', { tags: true, manifests: false }, true, 1],
  ['deletes a manifest of its own in a registry that deletes only manifests', { tags: false, manifests: true }, true, 3],
  ['keeps the tag in a registry without deletion', { tags: false, manifests: false }, false, 2],
] as const) {
  test(what, async () => {
    await using registry = await registryThat(can)
    const { digest } = dockerImage()
    const before = registry.manifests.get('x:gone')
    await using client = openRegistry(registry.url, { side: 'destination' })
    assert.equal(await client.deleteTag(parseReference(`${registry.host}/x:gone`)), expected)
    assert.equal(registry.deletes.length, asked)
    assert.ok(registry.manifests.has('x:keep') && registry.manifests.has(`x@${digest}`), 'what the tag named, and its other tag, stay')
    assert.equal(registry.manifests.get('x:gone'), expected ? undefined : before)
  })
}
