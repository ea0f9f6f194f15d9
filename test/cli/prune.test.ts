import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { PruneReport } from '../../src/report/prune-report.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
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
  const { to, registry, newerList, own, older, moved } = releases
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
})

test('removes nothing when kept images are missing, unless --ignore-missing is given', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using releases = await prunedReleases()
  const { directory, newerList, own } = releases
  const wrong = await directory.write('wrong.txt', 'docker.io/rancher/klipper-lb:v9\ndocker.io/rancher/klipper-lb:v0.4.17-next\n')
  const refused = await run(releases, '--keep', wrong, '--yes')
  assert.equal(refused.status, 1)
  assert.match(
    refused.stderr,
    /nothing was removed: .* lacks 1 of the 2 kept images: 127\.0\.0\.1:\d+\/mirror\/rancher\/klipper-lb:v9 \(NOT_FOUND\)/,
  )
  assert.match(refused.stderr, /hint: .*--ignore-missing/)
  documentOf(await run(releases, '--keep', wrong, '--yes', ...asJson))
  const flattened = await run(releases, '--keep', newerList, '--flatten', '--repositories', '**', '--yes')
  assert.equal(flattened.status, 1, 'names that do not fit the mirror remove nothing')
  const dry = await run(releases, '--keep', newerList, ...asJson)
  assert.deepEqual(tagsOf(dry, 'would-remove').toSorted(), own.toSorted())
  const ignored = await run(releases, '--keep', wrong, '--ignore-missing', '--yes', ...asJson)
  assert.deepEqual(
    tagsOf(ignored, 'removed'),
    own.filter((name) => name.includes('klipper-lb')),
  )
})

test('prints one reason where the registry refuses deletion', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using releases = await prunedReleases({ noDeletion: true })
  const refused = await run(releases, '--keep', releases.newerList, '--yes', ...asJson)
  assert.equal(documentOf(refused).error?.code, 'UNSUPPORTED')
  const { status, stdout, stderr } = await run(releases, '--keep', releases.newerList, '--yes')
  assert.equal(status, 1)
  assert.equal(stderr.match(/405/g)?.length, 1, stderr)
  assert.match(stderr, /^error: the destination refuses deletion: .*UNSUPPORTED.*\n.*hint: .*REGISTRY_STORAGE_DELETE_ENABLED=true/m)
  assert.match(stdout, /^8 tags in 5 repositories: 5 kept, 3 failed\n$/)
})

test('refuses a missing --keep, an age without a unit and a list that does not exist', async () => {
  for (const [args, message] of [
    [[], /--keep/],
    [['--keep', 'stable', '--older-than', '30'], /expected a number with m, h, d or w, as in 30d/],
    [['--keep', 'missing.txt'], /missing\.txt: no such file[^]*check the path given with --keep/],
    [['--keep', 'a/b:1', '--repositories', '['], /--repositories "\[" is not a glob/],
  ] as const) {
    const { status, stderr } = await runCli(['prune', '--to', 'http://127.0.0.1:9', ...args])
    assert.equal(status, 2, stderr)
    assert.match(stderr, message)
  }
})
