import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLayout, readLayout } from '../../src/layout/open-layout.ts'
import type { PruneReport } from '../../src/report/prune-report.ts'
import { prune, type PruneOptions } from '../../src/runs/prune.ts'
import { storeImage, tinyBlob, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { indexOver, newImage } from '../prune/pruned-registry.ts'
import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { memoryRegistry, refuse } from '../servers/memory-registry.ts'
import { tempDir } from '../servers/temp-dir.ts'

function names({ repositories }: PruneReport, status: string): readonly string[] {
  return repositories.flatMap(({ repository, tags }) =>
    tags.filter((tag) => tag.status === status).map(({ tag }) => `${repository.slice(repository.indexOf('/') + 1)}:${tag}`),
  )
}

/** A registry with `mirror/a:old`, `mirror/a:new`, `mirror/b:old` and `other/a:old`. */
async function holding(): Promise<TestRegistry> {
  const server = await startRegistry()
  for (const [name, tag] of [
    ['mirror/a', 'old'],
    ['mirror/a', 'new'],
    ['mirror/b', 'old'],
    ['other/a', 'old'],
  ] as const)
    await server.push(name, tag, newImage())
  return server
}

const keep = ['registry.example.com/a:new']

async function pruneAt(server: TestRegistry, options: Partial<PruneOptions> = {}): Promise<PruneReport> {
  return prune({ references: keep, to: `${server.url}/mirror`, ...options })
}

test('covers the repositories of the kept images, and those below the destination that a glob names', async () => {
  await using server = await holding()
  assert.deepEqual(names(await pruneAt(server), 'would-remove'), ['mirror/a:old'])
  for (const repositories of [['*'], ['b'], ['?'], ['b', 'unknown']])
    assert.deepEqual(names(await pruneAt(server, { repositories }), 'would-remove'), ['mirror/a:old', 'mirror/b:old'], repositories.join())
  const unmatched = await pruneAt(server, { repositories: ['mirror/*'] })
  assert.deepEqual(unmatched.warnings, ['options.repositories "mirror/*" matches no repository'])
  const all = await prune({ references: ['registry.example.com/mirror/a:new'], to: server.url, repositories: ['**'] })
  assert.deepEqual(names(all, 'would-remove'), ['mirror/a:old', 'mirror/b:old', 'other/a:old'])
})

test('keeps an image that is named as the destination names it', async () => {
  await using server = await holding()
  const references = ['registry.example.com/a:new', `${server.host}/mirror/a:old`]
  assert.deepEqual(names(await pruneAt(server, { references }), 'kept'), ['mirror/a:new', 'mirror/a:old'])
})

test('names repositories where the registry does not list them', async () => {
  await using server = await memoryRegistry(({ path }, response) => {
    if (path.startsWith('/v2/_catalog')) return refuse(response, 401, 'UNAUTHORIZED')
    if (!path.includes('/tags/list')) return undefined
    response.end('{"tags":["1"]}')
    return true
  })
  for (const name of ['a', 'b']) server.hold(name, '1', newImage())
  const options = { references: ['registry.example.com/a:1'], to: server.url }
  assert.deepEqual(names(await prune({ ...options, repositories: ['b'] }), 'would-remove'), ['b:1'])
  await assert.rejects(prune({ ...options, repositories: ['*'] }), {
    code: 'UNAUTHORIZED',
    hint: /options\.repositories <name>, without wildcards/,
  })
})

test('removes from a registry of its own, and nothing outside the prefix', async () => {
  await using server = await holding()
  const report = await pruneAt(server, { repositories: ['*'], dryRun: false })
  assert.deepEqual(names(report, 'removed'), ['mirror/a:old', 'mirror/b:old'])
  assert.equal(report.totals.manifests, 2)
  assert.deepEqual(server.layout.tags({ registry: server.layout.repositories()[0]?.registry ?? '', path: 'other/a' }), ['old'])
  assert.deepEqual(names(await pruneAt(server, { dryRun: false }), 'kept'), ['mirror/a:new'])
})

test('removes from a layout, and keeps what its tags reach', async () => {
  await using directory = await tempDir()
  const child = newImage()
  const signature = newImage()
  const old = indexOver(child, newImage())
  const images: readonly (readonly [string, TinyImage])[] = [
    ['a:new', indexOver(child)],
    ['a:old', old],
    [`a:${old.root.descriptor.digest.replace(':', '-')}.sig`, signature],
    ['b:old', child],
  ]
  {
    await using layout = await openLayout(directory.path)
    for (const [name, image] of images) await storeImage(layout, `registry.example.com/${name}`, image)
  }
  const to = `oci:${directory.path}`
  const dry = await prune({ references: keep, to })
  assert.deepEqual(dry.totals.wouldRemove, 2)
  const report = await prune({ references: keep, to, repositories: ['registry.example.com/*'], dryRun: false })
  assert.equal(report.totals.removed, 3)
  const layout = await readLayout(directory.path)
  assert.deepEqual(layout.tags({ registry: 'registry.example.com', path: 'a' }), ['new'])
  assert.ok(await layout.headManifest({ registry: 'registry.example.com', path: 'a', digest: child.root.descriptor.digest }))
  for (const image of [old, signature])
    assert.equal(
      await layout.headManifest({ registry: 'registry.example.com', path: 'a', digest: image.root.descriptor.digest }),
      undefined,
    )
})

test('rejects a layout that does not exist, without making it', async () => {
  await using directory = await tempDir()
  await assert.rejects(prune({ references: keep, to: `oci:${directory.path}/none`, dryRun: false }), { code: 'NOT_FOUND' })
})

test('spares images that were built lately, or at an unknown time', async () => {
  await using server = await startRegistry()
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const builtBefore = (days: number | undefined): TinyImage => {
    const created = days === undefined ? undefined : new Date(Date.now() - days * 86_400_000).toISOString()
    const config = tinyBlob(Buffer.from(JSON.stringify({ created, tag: days })), 'application/vnd.oci.image.config.v1+json')
    const root = tinyManifest({ schemaVersion: 2, mediaType, config: config.descriptor, layers: [] })
    return { blobs: [config], manifests: [root], root }
  }
  for (const [tag, days] of [
    ['new', 40],
    ['month', 40],
    ['week', 7],
    ['unknown', undefined],
  ] as const)
    await server.push('a', tag, builtBefore(days === undefined ? undefined : tag === 'new' ? 41 : days))
  const report = await prune({ references: keep, to: server.url, olderThan: 30 * 86_400_000 })
  assert.deepEqual(names(report, 'would-remove'), ['a:month'])
  const reasons = report.repositories[0]?.tags.map(({ tag, reason }) => [tag, reason]) ?? []
  assert.match(Object.fromEntries(reasons)['week'] ?? '', /^built on \d{4}-\d\d-\d\d$/)
  assert.equal(Object.fromEntries(reasons)['unknown'], 'the image does not state when it was built')
})

test('removes nothing for a selection that is empty or cannot be read', async () => {
  await using server = await holding()
  for (const selection of [
    { references: [] },
    { images: ['missing.txt'], references: [] },
    { images: ['missing.txt'] },
    { releases: ['v1.37.1+k3s1'], references: [], artifactUrl: `${server.url}/none` },
  ]) {
    await assert.rejects(pruneAt(server, { ...selection, repositories: ['**'], dryRun: false }))
  }
  assert.deepEqual(
    server.log.filter(({ method }) => method === 'DELETE'),
    [],
  )
})

test('reports a repository that cannot be read, and removes from the others', async () => {
  await using server = await memoryRegistry(({ path, method }, response) => {
    if (path.startsWith('/v2/a/tags/')) return refuse(response, 403, 'DENIED')
    if (path.startsWith('/v2/b/tags/')) {
      response.end('{"tags":["new","old"]}')
      return true
    }
    if (method !== 'DELETE') return undefined
    response.writeHead(202).end()
    return true
  })
  for (const [name, tag] of [
    ['a', 'new'],
    ['b', 'new'],
    ['b', 'old'],
  ] as const)
    server.hold(name, tag, newImage())
  const references = ['registry.example.com/a:new', 'registry.example.com/b:new']
  const report = await prune({ references, to: server.url, dryRun: false })
  assert.deepEqual(names(report, 'removed'), ['b:old'])
  assert.equal(report.repositories[0]?.error?.code, 'DENIED')
  assert.equal(report.totals.failed, 1)
  assert.equal('side' in (report.repositories[0]?.error ?? {}), false)
})

test('ends with one error where the destination cannot be reached', async () => {
  await assert.rejects(prune({ references: keep, to: 'http://127.0.0.1:9', retry: { retries: 0 } }), { code: 'UNREACHABLE' })
})

test('rejects options of the wrong type', async () => {
  for (const wrong of [{ olderThan: '30d' }, { dryRun: 'no' }, { repositories: 'a' }, { ignoreMissing: 1 }])
    await assert.rejects(prune({ references: keep, to: 'http://127.0.0.1:9', ...wrong } as unknown as PruneOptions), { code: 'USAGE' })
})

test('an abort leaves no image half removed, and another run removes the rest', async () => {
  await using server = await startRegistry()
  const old = Array.from({ length: 12 }, (_, index) => `registry.example.com/r${index}`)
  for (const name of old) for (const tag of ['new', 'old']) await server.push(name.slice(name.indexOf('/') + 1), tag, newImage())
  const options = { references: old.map((name) => `${name}:new`), to: server.url, dryRun: false, jobs: 2 }
  const abort = new AbortController()
  const report = await prune({ ...options, signal: abort.signal }, { onTag: () => abort.abort() })
  assert.equal(report.interrupted, true)
  assert.equal(report.totals.failed, 0)
  assert.ok(report.totals.removed > 0 && report.totals.skipped > 0, JSON.stringify(report.totals))
  const rest = await prune(options)
  assert.equal(rest.totals.removed + report.totals.removed, old.length)
})
