import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { PruneReport } from '../../src/report/prune-report.ts'
import { newImage, prunedRegistry } from '../prune/pruned-registry.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { plainRequest } from '../servers/http-request.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, startCli, type CliResult } from '../servers/run-cli.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { prunedReleases, type PrunedReleases } from './pruned-releases.ts'

const asJson = ['--output', 'json'] as const

function run({ to }: PrunedReleases, ...args: readonly string[]): Promise<CliResult> {
  return runCli(['prune', '--to', to, ...args])
}

const schema = JSON.parse(readFileSync(new URL('../../schemas/prune.schema.json', import.meta.url), 'utf8')) as object
const matchesSchema = new Ajv2020({ strict: true, allErrors: true }).compile(schema)

/** The document on standard output, which the published schema allows. */
function documentOf({ stdout }: CliResult): PruneReport {
  const document: unknown = JSON.parse(stdout)
  assert.ok(matchesSchema(document), JSON.stringify(matchesSchema.errors))
  return document as PruneReport
}

function tagsOf(result: CliResult, status: string): readonly string[] {
  return documentOf(result).repositories.flatMap(({ repository, tags }) =>
    tags.filter((tag) => tag.status === status).map(({ tag }) => `${repository}:${tag}`),
  )
}

/** The file of a manifest or blob in the storage of a docker-registry. */
function storedAt({ registry }: PrunedReleases, digest: string): string {
  return `${registry.rootDirectory}/docker/registry/v2/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`
}

test('removes exactly the tags of the older release, and leaves the newer one whole', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using releases = await prunedReleases({ logRequests: true })
  const { to, registry, newerList, own, older, newer, moved } = releases
  const verify = async (): Promise<void> => {
    const { status, stdout } = await runCli(['verify', '--deep', '--images', newerList, '--to', to])
    assert.equal(status, 0, stdout)
  }

  const dry = await run(releases, '--keep', newerList, ...asJson)
  assert.equal(dry.status, 0, dry.stderr)
  assert.deepEqual(tagsOf(dry, 'would-remove').toSorted(), own.toSorted())
  assert.deepEqual(
    (await registry.requests()).filter(({ method }) => method === 'DELETE'),
    [],
    'a dry run deletes nothing',
  )
  const text = await run(releases, '--keep', newerList)
  assert.match(text.stdout, /would remove {2}127\.0\.0\.1.*klipper-lb:v0\.4\.17\n/)
  assert.match(text.stdout, /8 tags in 5 repositories: 3 would be removed, 5 kept\ndry run, nothing was removed: pass --yes/)

  const removed = await run(releases, '--keep', newerList, '--yes', ...asJson)
  assert.equal(removed.status, 0, removed.stderr)
  assert.deepEqual(tagsOf(removed, 'removed').toSorted(), own.toSorted())
  assert.equal(documentOf(removed).totals.manifests, documentOf(dry).totals.manifests)
  await verify()
  await registry.collectGarbage()
  await verify()
  for (const { index, manifests } of older.images.slice(0, 3)) {
    for (const { digest } of [index, ...manifests]) assert.ok(!existsSync(storedAt(releases, digest)), `${digest} is still stored`)
  }
  // The registry does not list manifests without a tag.
  assert.ok(existsSync(storedAt(releases, moved.index.digest)))

  const again = await run(releases, '--keep', newerList, '--yes')
  assert.match(again.stdout, /^5 tags in 5 repositories: 5 kept\n$/)

  // distribution 2 would delete every tag of the digest.
  const pause = newer.images.find(({ repository }) => repository.endsWith('pause'))
  const { bytes: body, mediaType = '' } = pause?.index ?? {}
  const headers = { 'content-type': mediaType }
  const twin = `${registry.url}/v2/mirror/${pause?.repository}/manifests/twin`
  assert.equal((await plainRequest(twin, { method: 'PUT', headers, ...(body && { body }) })).status, 201)
  const skipped = await run(releases, '--keep', newerList, '--yes')
  assert.equal(skipped.status, 0)
  assert.match(skipped.stdout, /^skipped .*:twin {2}the kept tag 3\.10\.2 has the same digest, and this registry deletes only manifests$/m)
})

test('removes nothing when kept images are missing, unless --ignore-missing is given', async () => {
  await using server = await prunedRegistry()
  for (const tag of ['new', 'old']) server.registry.hold('x', tag, newImage())
  const prune = (...args: readonly string[]): Promise<CliResult> =>
    runCli(['prune', '--to', server.registry.url, '--keep', 'registry.example.com/x:new', '--yes', ...args])
  const missing = ['--keep', 'registry.example.com/x:newer']
  const refused = await prune(...missing)
  assert.equal(refused.status, 2)
  assert.match(refused.stderr, /nothing was removed: .* lacks 1 of the 2 kept images: 127\.0\.0\.1:\d+\/x:newer \(NOT_FOUND\)/)
  assert.match(refused.stderr, /hint: .*--ignore-missing/)
  documentOf(await prune(...missing, ...asJson))
  const renamed = await prune('--rewrite', '^x$=y', '--repositories', 'x')
  assert.equal(renamed.status, 2, 'names that do not fit the mirror remove nothing')
  assert.deepEqual(server.deletes, [])
  assert.deepEqual(tagsOf(await prune(...missing, '--ignore-missing', ...asJson), 'removed'), [`${server.registry.host}/x:old`])
})

test('prints one reason where the registry refuses deletion', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using registry = await startDockerRegistry({ noDeletion: true })
  const shapes = k3sImages.slice(1, 3)
  await seedRelease(registry.url, { images: shapes, scale: 0.0001 })
  const older = shapes.map((shape) => ({ ...shape, tag: 'older' }))
  await seedRelease(registry.url, { images: older, scale: 0.0001, salt: 'older' })
  const kept = shapes.flatMap(({ repository, tag }) => ['--keep', `docker.io/${repository}:${tag}`])
  const args = ['prune', '--to', registry.url, ...kept, '--yes']
  assert.equal(documentOf(await runCli([...args, ...asJson])).error?.code, 'UNSUPPORTED')
  const { status, stdout, stderr } = await runCli(args)
  assert.equal(status, 6)
  assert.equal(stderr.match(/405/g)?.length, 1, stderr)
  assert.match(stderr, /^error: the destination refuses deletion: .*UNSUPPORTED.*\n.*hint: .*REGISTRY_STORAGE_DELETE_ENABLED=true/m)
  assert.match(stdout, /^4 tags in 2 repositories: 2 kept, 2 failed\n$/)
})

test('refuses a missing --keep, an age without a unit and a list that does not exist', async () => {
  for (const [args, message] of [
    [[], /--keep/],
    [['--keep', 'stable', '--older-than', '30'], /expected a duration, as in 30s, 1h30m or 7d/],
    [['--keep', 'missing.txt'], /missing\.txt: no such file[^]*check the path given with --keep/],
    [['--keep', 'a/b:1', '--repositories', '['], /--repositories "\[" is not a glob/],
  ] as const) {
    const { status, stderr } = await runCli(['prune', '--to', 'http://127.0.0.1:9', ...args])
    assert.equal(status, 2, stderr)
    assert.match(stderr, message)
  }
})

test('an interrupted removal reports which tags are gone', async () => {
  await using server = await prunedRegistry({ tags: 'supported' })
  server.registry.hold('x', 'new', newImage())
  for (let count = 0; count < 30; count++) server.registry.hold('x', `old-${count}`, newImage())
  const { child, finished } = await startCli(['prune', '--keep', 'registry.example.com/x:new', '--to', server.registry.url, '--yes'])
  const { intercept } = server.registry
  server.registry.intercept = (request, response) => {
    if (request.method === 'DELETE') child.kill('SIGINT')
    return intercept(request, response)
  }
  const { status, stdout } = await finished
  assert.equal(status, 130)
  const [, removed] = /^interrupted; 31 tags in 1 repository: (\d+) removed, 1 kept, \d+ skipped$/m.exec(stdout) ?? []
  assert.equal(server.tags().length, 31 - Number(removed), stdout)
})
