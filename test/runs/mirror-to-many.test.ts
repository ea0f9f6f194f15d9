import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { readLayout } from '../../src/layout/open-layout.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { mirrorToMany, type DestinationEvent } from '../../src/runs/mirror-to-many.ts'
import { tinyBlob, tinyImage, tinyIndex, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { hasty } from '../registry/open-registry.ts'
import { memoryRegistry, type MemoryRegistry } from '../servers/memory-registry.ts'
import { tempDir } from '../servers/temp-dir.ts'

const megabyte = 1024 * 1024

/** An image with layers of these sizes. */
function image(...sizes: readonly number[]): TinyImage {
  const base = tinyImage(randomBytes(600))
  const layers = sizes.map((size) => tinyBlob(randomBytes(size), 'application/vnd.oci.image.layer.v1.tar'))
  const [, config] = base.blobs
  const document = JSON.parse(Buffer.from(base.root.bytes).toString()) as { readonly mediaType: string }
  const root = tinyManifest({ ...document, layers: layers.map(({ descriptor }) => descriptor) })
  return { blobs: [...layers, ...(config === undefined ? [] : [config])], manifests: [root], root }
}

/** How often each blob left the registry, by digest. */
function blobReads(server: MemoryRegistry): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { kind, path } of server.requests) {
    const digest = /sha256:[0-9a-f]{64}/.exec(path)?.[0] ?? ''
    if (kind === 'blob-get') counts.set(digest, (counts.get(digest) ?? 0) + 1)
  }
  return counts
}

async function eventsOf(run: AsyncIterable<DestinationEvent>): Promise<readonly DestinationEvent[]> {
  const events: DestinationEvent[] = []
  for await (const event of run) events.push(event)
  return events
}

const held = {
  'rancher/a': image(9 * megabyte, 700_000, 3000),
  'rancher/b': image(5 * megabyte, 2 * megabyte),
  'rancher/c': tinyIndex(),
}
const references = Object.keys(held).map((path) => `${path}:1`)

async function sourceRegistry(): Promise<MemoryRegistry> {
  const server = await memoryRegistry()
  for (const [path, one] of Object.entries(held)) server.hold(path, '1', one)
  return server
}

for (const count of [2, 3]) {
  test(`reads every blob and manifest once for ${count} cold destinations`, async () => {
    await using source = await sourceRegistry()
    await using first = await memoryRegistry()
    await using second = await memoryRegistry()
    await using directory = await tempDir()
    const to = [first.url, `${second.url}/prefix`, `oci:${directory.path}/layout`].slice(0, count)
    const run = mirrorToMany({ references, to, from: { '*': source.url }, retry: hasty })
    const events = await eventsOf(run)
    const report = await run.report
    assert.deepEqual(
      report.destinations.map(({ destination, totals }) => [destination, totals.copied, totals.failed]),
      to.map((name) => [name, 3, 0]),
    )
    const unique = new Set(Object.values(held).flatMap(({ blobs }) => blobs.map(({ descriptor }) => descriptor.digest)))
    assert.deepEqual(blobReads(source), new Map([...blobReads(source).keys()].map((digest) => [digest, 1])))
    assert.equal(blobReads(source).size, unique.size)
    assert.deepEqual([source.count('manifest-head'), source.count('manifest-get')], [3, 5])
    assert.equal(report.totals.requests.source, source.requests.length + blobGets(first, second))
    assert.equal(report.destinations[0]?.totals.requests.destination, first.requests.length - blobGets(first))
    assert.equal(report.totals.copied, 3 * count)
    for (const name of to) assert.deepEqual(events.findLast((event) => event.to === name)?.type, 'run-finished')
    for (const [path, one] of Object.entries(held)) {
      assert.ok(first.manifests.has(`${path}:1`) && second.manifests.has(`prefix/${path}:1`))
      for (const { descriptor, bytes } of one.blobs) assert.deepEqual(first.blobs.get(`${path}@${descriptor.digest}`), Buffer.from(bytes))
    }
    if (count < 3) return
    const layout = await readLayout(`${directory.path}/layout`)
    assert.equal((await layout.headManifest(parseReference('rancher/a:1')))?.digest, held['rancher/a'].root.descriptor.digest)
  })
}

/** Blobs that were read back from destinations. */
function blobGets(...servers: readonly MemoryRegistry[]): number {
  return servers.reduce((sum, server) => sum + server.count('blob-get'), 0)
}
