import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { compareRelease } from '../servers/compare-release.ts'
import type { FaultProxy } from '../servers/fault-proxy.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { seedRelease, type SeededImage, type SeededRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { twoRegistries } from './two-registries.ts'

/** The host of the destination, and the URL of the source. */
interface Ends {
  readonly host: string
  readonly from: string
}

/** What of `images` can be said beforehand; who pays for a shared layer is settled by the order of the run. */
function expectedImage(
  { reference, repository, tag, index, manifests }: SeededImage,
  { host, from }: Ends,
  status: 'copied' | 'up-to-date',
): object {
  const named = manifests
    .filter(({ attestation }) => !attestation)
    .map(({ platform: { os, architecture, variant } }) => [os, architecture, variant])
  const platforms = [...new Set(named.map((parts) => parts.filter((part) => part !== undefined).join('/')))]
  const destination = `${host}/mirror/${repository}:${tag}`
  const state = status === 'copied' ? 'new' : 'present'
  return { source: reference, sourceEndpoint: from, destination, digest: index.digest, state, status, digestPreserved: true, platforms }
}

function withoutBytes({ images }: MirrorReport): object[] {
  return images.map(({ bytes: _bytes, ...image }) => image)
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0)
}

function manifestBytes({ images }: SeededRelease): number {
  return sum(images.flatMap(({ index, manifests }) => [index.size, ...manifests.map(({ size }) => size)]))
}

/** How often each blob was asked for. */
function downloads(source: FaultProxy): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { kind, path } of source.requests) {
    const digest = path.slice(path.lastIndexOf('/') + 1)
    if (kind === 'blob-get') counts.set(digest, (counts.get(digest) ?? 0) + 1)
  }
  return counts
}

test('mirrors a release byte for byte, each blob once; a second run only checks', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await twoRegistries()
  const { release, source, destination } = line

  await t.test('the first run moves everything and says so', async () => {
    const { status, stdout, stderr } = await line.mirror(['--output', 'json'])
    assert.equal(status, 0, stderr)
    await compareRelease(line.to.url, 'mirror/', release)
    const { totals, ...report } = JSON.parse(stdout) as MirrorReport
    assert.deepEqual(Object.keys(report), [
      'schemaVersion',
      'tool',
      'startedAt',
      'finishedAt',
      'command',
      'destination',
      'images',
      'lists',
      'warnings',
    ])
    assert.deepEqual([report.schemaVersion, report.command, report.destination], [1, 'mirror', `${destination.url}/mirror`])
    assert.deepEqual(
      withoutBytes({ totals, ...report }),
      release.images.map((image) => expectedImage(image, { host: destination.host, from: source.url }, 'copied')),
    )
    for (const { bytes } of report.images) {
      assert.deepEqual(Object.keys(bytes), ['total', 'copied', 'mounted', 'present'])
      assert.equal(bytes.copied + bytes.mounted + bytes.present, bytes.total)
    }
    const { requests, seconds, ...numbers } = totals
    const saved = sum(report.images.map(({ bytes }) => bytes.total)) - release.bytes - manifestBytes(release)
    assert.deepEqual(numbers, {
      images: 8,
      copied: 8,
      replaced: 0,
      upToDate: 0,
      skipped: 0,
      failed: 0,
      bytesCopied: release.bytes + manifestBytes(release),
      bytesSaved: saved,
      bytesRetried: 0,
    })
    assert.deepEqual(requests, { source: source.counters.total, destination: destination.counters.total })
    assert.ok(seconds > 0)
  })

  await t.test('each blob left the source once, and shared layers were mounted', () => {
    const counts = downloads(source)
    assert.deepEqual([...counts.keys()].toSorted(), [...release.blobs.keys()].toSorted())
    assert.deepEqual([...new Set(counts.values())], [1])
    assert.equal(destination.counters.kinds['upload-put'], release.blobs.size)
    const mounted = line.to.accessLog.filter((entry) => /"POST [^"]*mount=[^"]*" 201 /.test(entry))
    const uses = release.images.flatMap(({ manifests }) => [
      ...new Set(manifests.flatMap(({ config, layers }) => [config, ...layers]).map(({ digest }) => digest)),
    ])
    assert.equal(mounted.length, uses.length - release.blobs.size)
  })

  await t.test('the second run asks for eight digests on either side and writes nothing', async () => {
    const before = { source: source.requests.length, destination: destination.requests.length }
    const { status, stdout, stderr } = await line.mirror(['--output', 'json'])
    assert.equal(status, 0, stderr)
    const read = source.requests.slice(before.source)
    const asked = destination.requests.slice(before.destination)
    assert.deepEqual([...new Set([...read, ...asked].map(({ kind }) => kind))], ['manifest-head', 'manifest-get'])
    assert.ok(read.length + asked.length <= 16, `${read.length} + ${asked.length} requests`)
    const report = JSON.parse(stdout) as MirrorReport
    assert.deepEqual(
      withoutBytes(report),
      release.images.map((image) => expectedImage(image, { host: destination.host, from: source.url }, 'up-to-date')),
    )
    assert.deepEqual([report.totals.upToDate, report.totals.bytesCopied], [8, 0])
  })

  await t.test('skopeo reads every image, and copies one back out whole', async (t) => {
    if (!requireServer(t, 'skopeo')) return
    await using out = await tempDir()
    for (const { repository, tag, index } of release.images) {
      const raw = await skopeo('inspect', '--raw', `docker://${line.to.host}/mirror/${repository}:${tag}`)
      assert.equal(raw, index.bytes.toString())
    }
    const image = release.images.find(({ manifests }) => manifests.some(({ attestation }) => attestation))
    assert.ok(image)
    await skopeo(
      'copy',
      '--all',
      '--preserve-digests',
      `docker://${line.to.host}/mirror/${image.repository}:${image.tag}`,
      `dir:${out.path}`,
    )
    assert.deepEqual(await readFile(join(out.path, 'manifest.json')), image.index.bytes)
    for (const { digest, content } of image.manifests.flatMap(({ layers }) => layers)) {
      assert.deepEqual(await readFile(join(out.path, digest.slice(7))), content?.())
    }
  })
})

test('updates a tag that moved, without sending shared blobs again', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  const images = k3sImages.slice(1, 4)
  await using line = await twoRegistries({ images })
  await line.mirror()
  const next = await seedRelease(line.from.url, { images, salt: 'second' })
  const { status, stdout, stderr } = await line.mirror(['--output', 'json'])
  assert.equal(status, 0, stderr)
  await compareRelease(line.to.url, 'mirror/', next)
  const report = JSON.parse(stdout) as MirrorReport
  const fresh = sum([...next.blobs].filter(([digest]) => !line.release.blobs.has(digest)).map(([, size]) => size))
  assert.equal(report.totals.bytesCopied, fresh + manifestBytes(next))
})
