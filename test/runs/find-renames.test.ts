import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiffReport } from '../../src/report/diff-report.ts'
import { createBundle } from '../../src/runs/create-bundle.ts'
import { diffImages, type DiffOptions } from '../../src/runs/diff-images.ts'
import { mirror } from '../../src/runs/mirror.ts'
import { tinyImage, tinyIndex } from '../layout/tiny-image.ts'
import { memoryRegistry, type MemoryRegistry } from '../servers/memory-registry.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

interface World extends AsyncDisposable {
  readonly from: MemoryRegistry
  readonly to: MemoryRegistry
  readonly directory: TempDir
  readonly reach: { readonly from: Readonly<Record<string, string>> }
  readonly list: (name: string, images: readonly string[]) => Promise<string>
  readonly diff: (a: string, b: string, options?: Partial<DiffOptions>) => Promise<DiffReport>
}

const lb = tinyIndex()
const pause = tinyIndex()
const before = ['docker.io/rancher/klipper-lb:v1', 'docker.io/rancher/mirrored-pause:3.6', 'docker.io/rancher/old:1']
const since = ['ghcr.io/k3s-io/klipper-lb:v1', 'ghcr.io/k3s-io/mirrored-pause:3.6', 'ghcr.io/k3s-io/new:1']

/** A source with two images under two names, an image of one side and one of the other. */
async function world(): Promise<World> {
  const [from, to, directory] = [await memoryRegistry(), await memoryRegistry(), await tempDir()]
  for (const place of ['rancher', 'k3s-io', 'acme']) {
    from.hold(`${place}/klipper-lb`, 'v1', lb)
    from.hold(`${place}/mirrored-pause`, '3.6', pause)
  }
  from.hold('rancher/old', '1', tinyImage())
  from.hold('k3s-io/new', '1', tinyImage())
  const reach = { from: { '*': from.url } }
  return {
    from,
    to,
    directory,
    reach,
    list: (name, images) => directory.write(name, images.map((image) => `${image}\n`).join('')),
    diff: (a, b, options) => diffImages({ a, b, ...reach, ...options }),
    async [Symbol.asyncDispose]() {
      for (const one of [from, to, directory]) await one[Symbol.asyncDispose]()
    },
  }
}

/** The pairs of a report, `state a > b`. */
function pairsOf({ images }: DiffReport): readonly string[] {
  return images.map(({ state, a, b }) => `${state} ${a?.reference ?? '-'} > ${b?.reference ?? '-'}`)
}

const renamed = [
  `added - > ${since[2]}`,
  `removed ${before[2]} > -`,
  `renamed ${before[0]} > ${since[0]}`,
  `renamed ${before[1]} > ${since[1]}`,
]

test('images with the same digest in another repository are renamed, and a mirror copies only their manifests', async () => {
  await using at = await world()
  const [a, b] = [await at.list('a.txt', before), await at.list('b.txt', since)]
  const report = await at.diff(a, b)
  assert.deepEqual(pairsOf(report), renamed)
  assert.deepEqual([report.totals.images, report.totals.renamed, report.totals.added, report.totals.removed], [4, 2, 1, 1])
  for (const image of report.images.filter(({ state }) => state === 'renamed')) {
    assert.equal(image.a?.digest, image.b?.digest)
    assert.equal(image.blobs?.copied, 0)
  }
  const copy = (references: readonly string[]) => mirror({ references, ...at.reach, to: `${at.to.url}/m` }).report
  await copy(before)
  const byLookUp = await at.diff(`registry:${at.to.url}/m`, b)
  const { totals } = await copy(since)
  assert.deepEqual([report.totals.bytes, byLookUp.totals.bytes], [totals.bytesCopied, totals.bytesCopied])
})

test('lists without digests are compared by the last part of the name and the tag', async () => {
  await using at = await world()
  const [a, b] = [await at.list('a.txt', before), await at.list('b.txt', since)]
  at.from.forget()
  const report = await at.diff(a, b, { namesOnly: true })
  assert.deepEqual([pairsOf(report), at.from.requests.length], [renamed, 0])
  assert.ok(report.images.every((image) => image.a?.digest === undefined && image.b?.digest === undefined))
})

test('digests decide where lists have them', async () => {
  await using at = await world()
  const [one, other] = [lb, pause].map(({ root }) => root.descriptor.digest)
  const a = await at.list('a.txt', [`docker.io/rancher/x:1@${one}`, `docker.io/rancher/y:1@${other}`])
  const b = await at.list('b.txt', [`quay.io/acme/z:2@${one}`, `quay.io/acme/y:1@${one}`])
  assert.deepEqual(pairsOf(await at.diff(a, b, { namesOnly: true })), [
    `added - > quay.io/acme/y:1@${one}`,
    `removed docker.io/rancher/y:1@${other} > -`,
    `renamed docker.io/rancher/x:1@${one} > quay.io/acme/z:2@${one}`,
  ])
})

test('any move of an image is a rename, and the same name with other content is not', async () => {
  await using at = await world()
  at.from.hold('acme/klipper-lb', 'v1', tinyIndex())
  const a = await at.list('a.txt', before.slice(0, 2))
  const b = await at.list('b.txt', ['quay.io/acme/klipper-lb:v1', 'quay.io/acme/mirrored-pause:3.6'])
  const report = await at.diff(a, b)
  assert.deepEqual(pairsOf(report), [
    'added - > quay.io/acme/klipper-lb:v1',
    `removed ${before[0]} > -`,
    `renamed ${before[1]} > quay.io/acme/mirrored-pause:3.6`,
  ])
  // A mirror knows only the former names of K3s' own images.
  assert.ok(report.images.every(({ blobs }) => blobs === undefined || blobs.copied === blobs.total))
})

test('a bundle with some platforms has renamed images', async () => {
  await using at = await world()
  const file = `${at.directory.path}/site.tar`
  const platforms = ['linux/amd64']
  await createBundle({ file, references: before.slice(0, 2), platforms, ...at.reach }).report
  const b = await at.list('b.txt', since.slice(0, 2))
  const report = await at.diff(file, b, { platforms })
  assert.deepEqual(pairsOf(report), renamed.slice(2))
  assert.deepEqual(
    report.images.map((image) => [image.a?.digest === image.b?.digest, image.blobs?.copied]),
    [
      [true, 0],
      [true, 0],
    ],
  )
})

test('an image that only A has and the source lacks is removed', async () => {
  await using at = await world()
  const [a, b] = [await at.list('a.txt', [...before, 'docker.io/rancher/gone:1']), await at.list('b.txt', since)]
  const { totals } = await at.diff(a, b)
  assert.deepEqual([totals.failed, totals.renamed, totals.removed], [0, 2, 2])
})

test('two names of one image at the destination are renamed, and nothing is copied', async () => {
  await using at = await world()
  const [a, b] = [await at.list('a.txt', before.slice(0, 2)), await at.list('b.txt', since.slice(0, 2))]
  const { totals } = await at.diff(a, b, { flatten: true })
  assert.deepEqual([totals.renamed, totals.bytes], [2, 0])
})
