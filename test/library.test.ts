import assert from 'node:assert/strict'
import { test } from 'node:test'
import type * as registriesLibrary from '../src/api/registries.ts'
import type * as serverLibrary from '../src/api/server.ts'
import type * as library from '../src/index.ts'
import { startRegistry } from './registry-server/start-registry.ts'
import { compareRelease } from './servers/compare-release.ts'
import { faultProxy } from './servers/fault-proxy.ts'
import { k3sImages } from './servers/release-shapes.ts'
import { seedRelease } from './servers/seed-release.ts'
import { tempDir } from './servers/temp-dir.ts'

const [main, server, registries] = await Promise.all([
  import(new URL('../dist/index.js', import.meta.url).href) as Promise<typeof library>,
  import(new URL('../dist/api/server.js', import.meta.url).href) as Promise<typeof serverLibrary>,
  import(new URL('../dist/api/registries.js', import.meta.url).href) as Promise<typeof registriesLibrary>,
])
const { checkBundle, createBundle, describeBundle, isMirrorError, listImages, loadBundle, mirror } = main
const { parseReference, planImages, pushBundle, verify, version } = main
const { createRegistryServer, ServedBundle } = server
const { createResolver, generateRegistries, lintRegistries, parseRegistries, renderK3s } = registries

const images = k3sImages.slice(1, 3)

test('a run yields its events in order, and its report at the end', async () => {
  await using from = await startRegistry()
  await using to = await startRegistry()
  const release = await seedRelease(from.url, { images })
  const references = release.images.map(({ reference }) => reference)
  const plan = await planImages({ references, from: { 'docker.io': from.url }, to: to.url })
  const run = mirror({ references, from: { 'docker.io': from.url }, to: to.url })
  const types: string[] = []
  for await (const { type } of run) types.push(type)
  const report = await run.report
  assert.deepEqual([types.at(0), types.at(-1)], ['run-started', 'run-finished'])
  assert.deepEqual([report.totals.copied, report.totals.bytesCopied], [2, plan.totals.bytesToMove])
  await compareRelease(to.url, '', release)
})

test('the report resolves without a reader of the events', async () => {
  await using from = await startRegistry()
  await using directory = await tempDir()
  const release = await seedRelease(from.url, { images })
  const references = release.images.map(({ reference }) => reference)
  const { totals } = await mirror({ references, from: { 'docker.io': from.url }, to: `oci:${directory.path}` }).report
  assert.equal(totals.copied, 2)
})

test('creates, inspects, checks, serves and pushes a bundle', async () => {
  await using from = await startRegistry()
  await using to = await startRegistry()
  await using directory = await tempDir()
  const file = `${directory.path}/k3s.tar`
  const release = await seedRelease(from.url, { images })
  const references = release.images.map(({ reference }) => reference)
  const created = await createBundle({ references, from: { 'docker.io': from.url }, file }).report
  assert.equal(created.totals.copied, 2)
  const info = await describeBundle(file)
  assert.deepEqual(
    info.images.map(({ reference }) => reference),
    references,
  )
  assert.deepEqual(await checkBundle(file), { blobs: info.blobs, bytes: info.bytes, problems: [] })
  await pushBundle({ files: [file], to: to.url }).report
  await compareRelease(to.url, '', release)
  await using layout = await ServedBundle.open(file)
  await using server = createRegistryServer({ layout })
  await compareRelease((await server.listen('127.0.0.1', 0)).url, '', release)
})

test('generates, lints, resolves and renders a registries.yaml', async () => {
  const image = parseReference('docker.io/rancher/mirrored-pause:3.10.2')
  const { text } = generateRegistries({
    endpoint: { origin: new URL('https://registry.example.com'), prefix: 'mirror' },
    images: [{ source: image, destination: parseReference('registry.example.com/mirror/rancher/mirrored-pause:3.10.2') }],
  })
  const parsed = parseRegistries(text, 'registries.yaml')
  assert.deepEqual([parsed.problems, await lintRegistries(parsed)], [[], []])
  const [first] = createResolver(parsed.registries).resolve(image).endpoints
  assert.deepEqual([first?.url, first?.repository], ['https://registry.example.com/v2', 'mirror/rancher/mirrored-pause'])
  assert.ok(renderK3s(parsed.registries, { version: 3 }).files.has('certs.d/docker.io/hosts.toml'))
})

test('a run ends when its reader leaves the loop, and on an abort', async () => {
  await using from = await startRegistry()
  await using to = await startRegistry()
  const release = await seedRelease(from.url, { images })
  await using destination = await faultProxy(to.url, ({ kind }) => (kind === 'upload-put' ? { fault: 'stall' } : undefined))
  const options = { references: release.images.map(({ reference }) => reference), from: { 'docker.io': from.url }, to: destination.url }
  const left = mirror(options)
  for await (const { type } of left) if (type === 'image-started') break
  const abort = new AbortController()
  const aborted = mirror({ ...options, signal: abort.signal })
  for await (const { type } of aborted) if (type === 'image-started') abort.abort()
  for (const { interrupted, images } of [await left.report, await aborted.report]) {
    assert.equal(interrupted, true)
    assert.deepEqual(
      images.map(({ error }) => error?.code),
      ['CANCELLED', 'CANCELLED'],
    )
  }
})

test('a run that cannot start rejects both the events and the report with its code', async () => {
  const isUsage = (error: unknown): boolean => isMirrorError(error) && error.code === 'USAGE'
  const run = mirror({ references: ['rancher/x:1'], to: 'ftp://x' })
  await assert.rejects(async () => {
    for await (const event of run) assert.fail(event.type)
  }, isUsage)
  await assert.rejects(run.report, isUsage)
  await assert.rejects(listImages({}), isUsage)
})

test('every function rejects options of a wrong type with USAGE', async () => {
  const isUsage = (error: unknown): boolean => isMirrorError(error) && error.code === 'USAGE' && error.message.startsWith('options')
  const given = (options: object): never => options as never
  const references = ['rancher/x:1']
  for (const run of [
    mirror(given({ references })),
    mirror(given({ references, to: 'oci:x', jobs: 0 })),
    createBundle({ references, file: 'x.tar', splitSize: 4 }),
    createBundle(given({ references })),
    pushBundle(given({ to: 'x' })),
    loadBundle(given({ files: 'x.tar' })),
  ]) {
    await assert.rejects(run.report, isUsage)
  }
  for (const call of [
    () => planImages(given({ references })),
    () => verify(given({ references, to: 5 })),
    () => listImages(given({ images: 'list.txt' })),
    () => describeBundle(given({})),
    () => checkBundle('x.tar', given({ name: 5 })),
    () => listImages(undefined as unknown as Parameters<typeof listImages>[0]),
  ]) {
    await assert.rejects(call(), isUsage)
  }
})

test('lists images without a run', async () => {
  const { images, lists } = await listImages({ references: ['rancher/x:1'] })
  assert.deepEqual([images.length, lists], [1, []])
  assert.match(version, /^\d+\.\d+\.\d+/)
})
