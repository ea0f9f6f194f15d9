import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { DiffReport } from '../../src/report/diff-report.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { k3sImages, type ImageShape } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { makeRelease, pushRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'

const [lb, localPath, coreDns, busybox, traefik] = k3sImages.slice(1, 6) as [ImageShape, ImageShape, ImageShape, ImageShape, ImageShape]

const isDiffReport = new Ajv2020({ strict: false }).compile(
  JSON.parse(readFileSync(new URL('../../schemas/diff.schema.json', import.meta.url), 'utf8')) as object,
)

/** A report of `diff`, which fits its schema. */
function diffJson(result: CliResult, expected = 0): DiffReport {
  const report = json(result, expected) as DiffReport
  assert.ok(isDiffReport(report), JSON.stringify(isDiffReport.errors))
  return report
}

function json({ status, stdout, stderr }: CliResult, expected = 0): unknown {
  assert.equal(status, expected, stderr)
  return JSON.parse(stdout)
}

/** What of an image differs, in one line. */
function changes({ images }: DiffReport): readonly string[] {
  const tagOf = (reference = ''): string => reference.slice(reference.lastIndexOf('/') + 1)
  return images
    .filter(({ state }) => state !== 'unchanged')
    .map(({ state, a, b }) => `${state} ${[a, b].flatMap((side) => (side === null ? [] : [tagOf(side.reference)])).join(' -> ')}`)
}

test('diff names what a release changes, and predicts the bytes of its mirror', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using from = await startDockerRegistry()
  await using to = await startDockerRegistry()
  await using directory = await tempDir()
  const push = async (images: readonly ImageShape[], salt?: string) => {
    const release = makeRelease({ images, ...(salt !== undefined && { salt }) })
    await pushRelease(from.url, release)
    return release
  }
  const a = await push([lb, localPath, coreDns, busybox])
  const newLb = { ...lb, tag: 'v0.4.18' }
  // Two of the images are new to the destination, and share a layer with those that are there.
  const changed = await push([newLb, traefik], 'second')
  const lines = (...releases: readonly { readonly list: string }[]): string => releases.map(({ list }) => list).join('')
  const files = {
    a: await directory.write('a.txt', a.list),
    b: await directory.write('b.txt', lines(makeRelease({ images: [localPath, coreDns, busybox] }), changed)),
  }
  const reach = ['--from', `docker.io=${from.url}`]
  const diff = (left: string, right: string, ...more: readonly string[]) => runCli(['diff', left, right, ...reach, ...more])
  const destination = `${to.url}/mirror`
  const mirror = async (list: string) =>
    json(await runCli(['mirror', '--images', list, '--to', destination, ...reach, '--output', 'json'])) as MirrorReport
  await mirror(files.a)

  await t.test('two lists: each name, without reading what is the same', async () => {
    const before = from.accessLog.length
    const report = diffJson(await diff(files.a, files.b, '--output', 'json'))
    assert.deepEqual(changes(report), ['added mirrored-library-traefik:3.7.13', 'retagged klipper-lb:v0.4.17 -> klipper-lb:v0.4.18'])
    assert.deepEqual([report.a.kind, report.a.images, report.b.kind, report.b.images], ['list', 4, 'list', 5])
    assert.deepEqual([report.totals.unchanged, report.totals.failed], [3, 0])
    const asked = from.accessLog.slice(before).filter((entry) => /coredns|busybox|local-path/.test(entry))
    assert.deepEqual(asked, [])
    assert.equal((await diff(files.a, files.b, '--exit-code')).status, 5)
    assert.equal((await diff(files.a, files.a, '--exit-code')).status, 0)
    assert.equal((await diff(files.a, files.b, '--names-only', '--detailed-exitcode')).status, 5)
  })

  await t.test('a destination and a list: the moved tag too, and the bytes of the mirror', async () => {
    // The tag of busybox moves after the first mirror.
    await push([busybox], 'moved')
    const report = diffJson(await diff(destination, files.b, '--output', 'json'))
    assert.deepEqual(changes(report), [
      'added klipper-lb:v0.4.18',
      'added mirrored-library-traefik:3.7.13',
      'changed mirrored-library-busybox:1.37.0 -> mirrored-library-busybox:1.37.0',
    ])
    assert.equal(report.a.kind, 'registry')
    const { totals } = await mirror(files.b)
    assert.equal(totals.bytesCopied, report.totals.bytes)
    const after = diffJson(await diff(destination, files.b, '--output', 'json', '--exit-code'))
    assert.deepEqual([after.totals.unchanged, after.totals.bytes, changes(after)], [5, 0, []])
  })

  await t.test('a bundle and a layout', async () => {
    const bundle = `${directory.path}/a.tar`
    const created = await runCli(['bundle', 'create', bundle, '--images', files.a, ...reach])
    assert.equal(created.status, 0, created.stderr)
    const site = `oci:${directory.path}/site`
    const filled = await runCli(['bundle', 'push', bundle, '--to', site])
    assert.equal(filled.status, 0, filled.stderr)
    const same = diffJson(await diff(bundle, site, '--output', 'json', '--exit-code'))
    assert.deepEqual([same.a.kind, same.b.kind, same.totals.unchanged], ['archive', 'layout', 4])
    const report = diffJson(await diff(site, files.b, '--output', 'json'))
    assert.deepEqual(changes(report), ['added mirrored-library-traefik:3.7.13', 'retagged klipper-lb:v0.4.17 -> klipper-lb:v0.4.18'])
    const { totals } = json(await runCli(['mirror', '--images', files.b, '--to', site, ...reach, '--output', 'json'])) as MirrorReport
    assert.equal(totals.bytesCopied, report.totals.bytes)
  })

  await t.test('an image that the source lacks is reported, the others are compared', async () => {
    const list = await directory.write('c.txt', `${a.list}docker.io/rancher/missing:1\n`)
    const report = diffJson(await diff(files.a, list, '--output', 'json', '--exit-code'), 1)
    assert.deepEqual([report.totals.added, report.totals.failed, report.totals.unchanged], [1, 1, 4])
    const { status, stdout, stderr } = await diff(files.a, list, '--annotate', 'github')
    assert.equal(status, 1)
    assert.match(stderr, /^::error title=k3s-mirror diff%3A 1 image failed::/m)
    assert.match(stdout, /^added +docker\.io\/rancher\/missing +- +1/m)
    assert.match(stdout, /^FAILED docker\.io\/rancher\/missing:1 .*\(NOT_FOUND\)$/m)
    assert.match(stdout, /^5 images: 1 added, 4 unchanged$/m)
  })

  await t.test('markdown and names only', async () => {
    const { status, stdout } = await diff(files.a, files.b, '--output', 'markdown')
    assert.equal(status, 0)
    assert.match(stdout, /^## Images: 1 added, 1 retagged, 3 unchanged$/m)
    assert.match(stdout, /^\| retagged \| `docker\.io\/rancher\/klipper-lb` \| `v0\.4\.17` \| `v0\.4\.18` \| +[\d.]+ kB \|$/m)
    assert.match(stdout, /<summary>3 unchanged images<\/summary>/)
    const requests = from.accessLog.length
    const names = diffJson(await diff(files.a, files.b, '--names-only', '--output', 'json'))
    assert.deepEqual([names.totals.retagged, names.totals.bytes, names.blobs], [1, null, []])
    assert.equal(from.accessLog.length, requests)
  })
})

test('diff says how it read a side, and refuses what it cannot compare', async () => {
  await using directory = await tempDir()
  const list = await directory.write('list.txt', 'docker.io/rancher/x:1\n')
  const refused = async (...args: readonly string[]): Promise<string> => {
    const { status, stderr } = await runCli(['diff', ...args])
    assert.equal(status, 2, stderr)
    return stderr
  }
  assert.match(await refused('./none.txt', list), /^error: "\.\/none\.txt" was read as a file of images: \.\/none\.txt: no such file /)
  assert.match(await refused('a/b', list), /^error: cannot decide what "a\/b" is: /)
  assert.match(
    await refused('localhost:1/a', 'localhost:2/b'),
    /two registries have no list of images \(USAGE\)\nhint: pass --release or --images /,
  )
  assert.match(await refused(list, list, '--release', 'stable'), /--release and --images are only for two registries/)
  assert.match(await refused('localhost:1/a', list, '--names-only'), /--names-only compares lists: a registry has no list/)
  assert.match(await refused('-', '-'), /both sides are standard input/)
  assert.match(await refused(list, list, '--exclude', '*'), /--include and --exclude drop all 2/)
  assert.match(await refused(list), /^error: missing argument <b>: /)
})
