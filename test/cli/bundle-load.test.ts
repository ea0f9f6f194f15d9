import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { flipBit, packTar, placeOf } from '../bundle/bundle-files.ts'
import { dockerSave } from '../bundle/foreign-files.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { makeBusyboxRelease } from '../servers/busybox-image.ts'
import { startDockerEngine, type DockerEngine } from '../servers/docker-engine.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { pushRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'

const image = 'docker.io/rancher/busybox:1.37.0'
const here = process.arch === 'arm64' ? 'arm64' : 'amd64'
const elsewhere = here === 'arm64' ? 'amd64' : 'arm64'

let engine: DockerEngine | undefined
before(async () => {
  engine = await startDockerEngine().catch(() => undefined)
})
after(() => engine?.[Symbol.asyncDispose]())

async function load(...args: readonly string[]): Promise<CliResult & { readonly report: MirrorReport }> {
  const result = await runCli(['bundle', 'load', ...args, '--output', 'json'], { env: { DOCKER_HOST: engine?.host ?? '' } })
  return { ...result, report: (result.stdout === '' ? {} : JSON.parse(result.stdout)) as MirrorReport }
}

const idOf = async (name: string): Promise<string | undefined> =>
  (await engine?.docker('inspect', '--format', '{{.Id}}', name))?.stdout.trim()

test('loads the platform of the Engine from a multi-platform bundle, and reports it as up to date the next time', async (t) => {
  if (!requireServer(t, 'dockerd')) return
  await using directory = await tempDir()
  await using from = await startRegistry()
  const release = await makeBusyboxRelease([image])
  await pushRelease(from.url, release)
  const file = `${directory.path}/bundle.tar`
  assert.equal((await runCli(['bundle', 'create', file, image, '--from', `docker.io=${from.url}`])).status, 0)
  const { status, stderr, report } = await load(file)
  assert.equal(status, 0, stderr)
  const own = release.images[0]?.manifests.find(({ platform }) => platform.architecture === here)
  const [only] = report.images
  assert.deepEqual(
    [report.command, report.engine?.store, only?.status, only?.digest, only?.platforms, only?.digestPreserved],
    ['bundle load', 'classic', 'copied', own?.digest, [`linux/${here}`], false],
  )
  const { total, copied } = only?.bytes ?? {}
  assert.ok(total !== undefined && total > 0 && total === copied)
  assert.equal(await idOf('rancher/busybox:1.37.0'), own?.config.digest)
  const again = await load(file)
  assert.deepEqual([again.status, again.report.images[0]?.status], [0, 'up-to-date'])

  await engine?.docker('save', '--output', `${directory.path}/saved.tar`, 'rancher/busybox:1.37.0')
  await engine?.docker('image', 'rm', 'rancher/busybox:1.37.0')
  const saved = await load(`${directory.path}/saved.tar`, '--docker-host', engine?.host ?? '')
  assert.equal(saved.status, 0, saved.stderr)
  assert.equal(await idOf('rancher/busybox:1.37.0'), own?.config.digest)
  await engine?.docker('image', 'rm', 'rancher/busybox:1.37.0')
})

test('does not load an image that has only another platform, and loads the other images', async (t) => {
  if (!requireServer(t, 'dockerd')) return
  const layers = [Buffer.alloc(1024)]
  await using archive = await packTar(
    dockerSave({ tags: ['site/other:1'], architecture: elsewhere, layers }, { tags: ['site/tool:1'], architecture: here, layers }),
  )
  const { status, report } = await load(archive.path)
  assert.equal(status, 1)
  assert.deepEqual(
    report.images.map(({ status: one, error }) => [one, error?.code]),
    [
      ['failed', 'NO_SUCH_PLATFORM'],
      ['copied', undefined],
    ],
  )
  await engine?.docker('image', 'rm', 'site/tool:1')
})

test('exits with 3 for a layer that does not match the config, and does not load it', async (t) => {
  if (!requireServer(t, 'dockerd')) return
  const layer = Buffer.alloc(4 * 1024 * 1024, 'layer')
  await using archive = await packTar(dockerSave({ tags: ['site/tool:1'], architecture: here, layers: [layer] }))
  await flipBit(archive.path, await placeOf(archive.path, layer))
  const { status, report } = await load(archive.path)
  assert.deepEqual([status, report.images[0]?.error?.code], [3, 'INTEGRITY'])
  assert.deepEqual(await engine?.images(), [])
})

test('reports a missing Engine in one sentence after the archives were checked', async () => {
  await using archive = await packTar(dockerSave({ tags: ['site/tool:1'], layers: [Buffer.alloc(1024)] }))
  const { status, stderr } = await runCli(['bundle', 'load', archive.path, '--docker-host', 'unix:///missing.sock'])
  assert.equal(status, 6)
  assert.match(stderr, /ENGINE_UNAVAILABLE/)
})

test('loads a --since bundle together with its base, and rejects it without the base before any load', async (t) => {
  if (!requireServer(t, 'dockerd')) return
  await using directory = await tempDir()
  await using from = await startRegistry()
  await pushRelease(from.url, await makeBusyboxRelease([image, 'docker.io/rancher/other:2']))
  const [base, delta] = [`${directory.path}/base.tar`, `${directory.path}/delta.tar`]
  const create = (...words: readonly string[]): Promise<CliResult> =>
    runCli(['bundle', 'create', ...words, '--from', `docker.io=${from.url}`])
  assert.equal((await create(base, image)).status, 0)
  assert.equal((await create(delta, image, 'docker.io/rancher/other:2', '--since', base)).status, 0)
  const incomplete = await load(delta)
  assert.equal(incomplete.status, 2)
  assert.match(
    incomplete.stderr,
    /created with --since, but [0-9]+ manifests and blobs of an earlier bundle are missing; nothing was loaded.*\nhint: .*earlier/,
  )
  assert.equal((await engine?.images())?.length, 0)
  const { status, stderr, report } = await load(base, delta)
  assert.equal(status, 0, stderr)
  assert.equal(report.images.length, 2)
  for (const { destination } of report.images) await engine?.docker('image', 'rm', destination)
})
