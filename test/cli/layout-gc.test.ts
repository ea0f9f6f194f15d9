import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { GarbageReport } from '../../src/layout/collect-garbage.ts'
import { openLayout } from '../../src/layout/open-layout.ts'
import { storeImage, tinyImage, tinyIndex } from '../layout/tiny-image.ts'
import { callUrl, startRegistry } from '../registry-server/start-registry.ts'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { until } from '../servers/until.ts'
import { serve, stop } from './serve-cli.ts'

const schema = JSON.parse(await readFile(new URL('../../schemas/layout-gc.schema.json', import.meta.url), 'utf8')) as object
const validate = new Ajv2020({ allErrors: true }).compile(schema)

async function gcJson(...args: readonly string[]): Promise<GarbageReport> {
  const { status, stdout, stderr } = await runCli(['layout', 'gc', ...args, '--output', 'json'])
  assert.equal(status, 0, stderr)
  const report = JSON.parse(stdout) as GarbageReport
  assert.ok(validate(report), JSON.stringify(validate.errors))
  return report
}

/** Bytes of all files below a directory, except for the journal, whose order differs. */
async function diskUsage(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true })
  const files = names.filter((name) => !name.startsWith('.k3s-mirror/writer-'))
  const sizes = await Promise.all(files.toSorted().map(async (name) => `${name} ${(await stat(join(directory, name))).size}`))
  return sizes.filter((line) => line.startsWith('blobs') || line.startsWith('.k3s-mirror/re'))
}

test('after release A is deleted through the registry, the layout takes the space of a fresh mirror of release B', async () => {
  await using from = await startRegistry()
  await using dir = await tempDir()
  const [site, fresh] = [join(dir.path, 'site'), join(dir.path, 'fresh')]
  const layer = Buffer.alloc(5000, 7)
  await from.push('rancher/x', 'a', tinyIndex())
  await from.push('rancher/x', 'b', tinyIndex())
  await from.push('rancher/y', 'a', tinyImage(layer, 'amd64'))
  await from.push('rancher/y', 'b', tinyImage(layer, 'arm64'))
  const release = (tag: string): string[] => ['x', 'y'].map((name) => `${from.host}/rancher/${name}:${tag}`)
  for (const [tag, to] of [
    ['a', site],
    ['b', site],
    ['b', fresh],
  ] as const) {
    const mirrored = await runCli(['mirror', ...release(tag), '--to', `oci:${to}`])
    assert.equal(mirrored.status, 0, mirrored.stderr)
  }
  const serving = await serve(site, '--writable')
  for (const name of ['x', 'y']) assert.equal((await callUrl(serving.url, 'DELETE', `/v2/rancher/${name}/manifests/a`)).status, 202)
  const report = await gcJson(site)
  assert.ok(report.byServer || report.removed.manifests === 0)
  assert.deepEqual(await diskUsage(site), await diskUsage(fresh))
  assert.equal((await stop(serving)).status, 0)
  const checked = await runCli(['verify', ...release('b'), '--to', `oci:${site}`])
  assert.equal(checked.status, 0, checked.stdout)
})

test('serve frees the space of deleted tags by itself, logs that, and counts it', { timeout: 60_000 }, async () => {
  await using dir = await tempDir()
  const image = tinyIndex()
  {
    await using layout = await openLayout(dir.path)
    await storeImage(layout, 'rancher/x:1', image)
  }
  const serving = await serve(dir.path, '--writable')
  let log = ''
  serving.child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  assert.equal((await callUrl(serving.url, 'DELETE', '/v2/rancher/x/manifests/1')).status, 202)
  await until(async () => (await readdir(join(dir.path, 'blobs/sha256'))).length === 0)
  await until(async () => /garbage collection: 1 image \(3 manifests\), 4 blobs, /.test(log))
  const metrics = (await callUrl(serving.url, 'GET', '/metrics')).body.toString()
  const freed = [...image.blobs, ...image.manifests].reduce((sum, { descriptor }) => sum + descriptor.size, 0)
  assert.match(metrics, new RegExp(`^k3s_mirror_gc_freed_bytes_total ${freed}$`, 'm'))
  assert.match(metrics, /^k3s_mirror_gc_runs_total 1$/m)
  assert.match(metrics, /^k3s_mirror_gc_last_run_timestamp_seconds [1-9]/m)
  assert.equal((await stop(serving)).status, 0)
})

test('text and JSON name what goes and what stays; a dry run removes nothing', async () => {
  await using dir = await tempDir()
  const image = tinyImage()
  {
    await using layout = await openLayout(dir.path)
    await storeImage(layout, 'rancher/x:1', image)
    await layout.deleteTag({ registry: 'docker.io', path: 'rancher/x' }, '1')
  }
  await writeFile(join(dir.path, 'notes.txt'), '')
  const name = `docker.io/rancher/x@${image.root.descriptor.digest}`
  const graced = await runCli(['layout', 'gc', `oci:${dir.path}`, '--grace', '1h'])
  assert.match(graced.stdout, /^nothing to remove\nkept 1 manifest and 0 blobs \(0 B\) without a tag: in use within the last 1h\n/)
  const preview = await runCli(['layout', 'gc', dir.path, '--dry-run'])
  assert.match(
    preview.stdout,
    new RegExp(`^would remove ${name}\nwould remove 1 image \\(1 manifest\\), 2 blobs, .*\nkept notes.txt, which is not part`),
  )
  assert.deepEqual((await gcJson(dir.path, '--dry-run')).removed.images, [name])
  assert.deepEqual((await gcJson(dir.path)).removed.images, [name])
  const again = await runCli(['layout', 'gc', dir.path])
  assert.match(again.stdout, /^nothing to remove: a tag reaches everything\n/)
})

test('a layout that is missing, or that mirror is writing to, is an error', async () => {
  await using dir = await tempDir()
  const missing = await runCli(['layout', 'gc', join(dir.path, 'none'), '--output', 'json'])
  assert.equal(missing.status, 2)
  assert.ok(validate(JSON.parse(missing.stdout)), JSON.stringify(validate.errors))
  await using writer = await openLayout(dir.path)
  const locked = await runCli(['layout', 'gc', dir.path])
  assert.equal(locked.status, 6)
  assert.match(locked.stderr, /is writing to this layout \(LAYOUT_LOCKED\)/)
  assert.equal(writer.lost.aborted, false)
  assert.equal((await runCli(['layout', 'gc', dir.path, '--grace', 'soon'])).status, 2)
})
