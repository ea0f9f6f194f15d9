import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { mediaTypes } from '../../src/oci/media-type.ts'
import type { DiffReport } from '../../src/report/diff-report.ts'
import { diffImages, type DiffOptions } from '../../src/runs/diff-images.ts'
import { mirror } from '../../src/runs/mirror.ts'
import type { MirrorOptions } from '../../src/runs/options.ts'
import { tinyBlob, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { memoryRegistry, type MemoryRegistry } from '../servers/memory-registry.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** One image of a made-up release. Layers are numbers of a pool that all images share; another salt is another config. */
interface Shape {
  readonly repository: string
  readonly tag: string
  readonly layers: readonly number[]
  readonly salt: number
}

const architectures = ['amd64', 'arm64'] as const

/** Layer 0 is larger than those that registries are asked about by a mount. */
function layer(number: number, architecture: string) {
  const size = number === 0 ? 1_100_000 : 300 + number
  const seed = createHash('sha256').update(`${number} ${architecture}`).digest()
  return tinyBlob(Buffer.alloc(size, seed), 'application/vnd.oci.image.layer.v1.tar')
}

function makeImage({ repository, layers, salt }: Shape): TinyImage {
  const children = architectures.map((architecture) => {
    const blobs = [...new Set(layers)].map((number) => layer(number, architecture))
    const config = tinyBlob(Buffer.from(JSON.stringify({ architecture, os: 'linux', repository, salt })), mediaTypes.ociConfig)
    const root = tinyManifest({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: config.descriptor,
      layers: blobs.map(({ descriptor }) => descriptor),
    })
    return { blobs: [...blobs, config], root, architecture }
  })
  const entries = children.map(({ root, architecture }) => ({ ...root.descriptor, platform: { os: 'linux', architecture } }))
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries })
  return { blobs: children.flatMap(({ blobs }) => blobs), manifests: [...children.map((child) => child.root), root], root }
}

/** Every tag once, as in a list. */
function release(shapes: readonly Shape[]): readonly Shape[] {
  return [...new Map(shapes.map((shape) => [`${shape.repository}:${shape.tag}`, shape])).values()]
}

function listOf(shapes: readonly Shape[]): string {
  return shapes.map(({ repository, tag }) => `ghcr.io/${repository}:${tag}\n`).join('')
}

/** In every release, so that the destination has an image of the run. */
const anchor: Shape = { repository: 'p/anchor', tag: '1', layers: [5], salt: 0 }

const shape = fc.record({
  repository: fc.constantFrom('p/one', 'p/two', 'p/three'),
  tag: fc.constantFrom('v1', 'v2', 'v3'),
  layers: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 3 }),
  salt: fc.integer({ min: 0, max: 1 }),
})
const shapes = fc.array(shape, { maxLength: 6 }).map((some) => release([anchor, ...some]))

interface World {
  readonly from: MemoryRegistry
  readonly to: MemoryRegistry
  readonly write: (name: string, content: string) => Promise<string>
  readonly diff: (options: Pick<DiffOptions, 'a' | 'b'> & Partial<DiffOptions>) => Promise<DiffReport>
  /** `totals.bytesCopied` of a mirror of the list. */
  readonly copy: (list: string, options?: Partial<MirrorOptions>) => Promise<number>
}

async function withWorld(use: (world: World) => Promise<void>): Promise<void> {
  await using from = await memoryRegistry()
  await using to = await memoryRegistry()
  await using directory = await tempDir()
  const reach = { from: { '*': from.url } }
  await use({
    from,
    to,
    write: (name, content) => directory.write(name, content),
    diff: (options) => diffImages({ ...reach, ...options }),
    copy: async (list, options) => {
      const { images, totals } = await mirror({ ...reach, images: [list], to: `${to.url}/m`, ...options }).report
      assert.deepEqual(
        images.flatMap(({ error }) => error ?? []),
        [],
      )
      return totals.bytesCopied
    },
  })
}

function hold(from: MemoryRegistry, images: readonly Shape[]): void {
  for (const image of images) from.hold(image.repository, image.tag, makeImage(image))
}

const options = { numRuns: 8 }

test('predicts the bytes of the mirror that follows, for a registry that holds another release', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(shapes, shapes, fc.constantFrom(undefined, ['linux/arm64']), fc.boolean(), async (a, b, platforms, flatten) => {
      await withWorld(async ({ from, to, write, diff, copy }) => {
        hold(from, a)
        const naming = { platforms, flatten }
        await copy(await write('a.txt', listOf(a)), naming)
        // Some tags of `a` move now.
        hold(from, b)
        const list = await write('b.txt', listOf(b))
        const { totals } = await diff({ a: `registry:${to.url}/m`, b: list, ...naming })
        assert.equal(totals.failed, 0)
        assert.equal(await copy(list, naming), totals.bytes)
      })
    }),
    options,
  )
})

test('predicts the bytes of the mirror that follows, for two lists whose tags stay', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(shapes, shapes, fc.constantFrom(undefined, ['linux/arm64']), async (given, b, platforms) => {
      const a = given.map((one) => b.find(({ repository, tag }) => repository === one.repository && tag === one.tag) ?? one)
      await withWorld(async ({ from, write, diff, copy }) => {
        hold(from, [...a, ...b])
        const lists = { a: await write('a.txt', listOf(a)), b: await write('b.txt', listOf(b)) }
        const { totals, images } = await diff({ ...lists, platforms })
        await copy(lists.a, { platforms })
        assert.equal(await copy(lists.b, { platforms }), totals.bytes)
        const isIn = (side: readonly Shape[], { repository, tag }: Shape): boolean =>
          side.some((one) => one.repository === repository && one.tag === tag)
        assert.equal(totals.unchanged, a.filter((one) => isIn(b, one)).length)
        assert.equal(totals.added + totals.retagged, b.filter((one) => !isIn(a, one)).length)
        assert.equal(totals.removed + totals.retagged, a.filter((one) => !isIn(b, one)).length)
        assert.equal(images.length, totals.images)
      })
    }),
    options,
  )
})

test('predicts the bytes of the mirror that follows, for images that K3s moves to another registry', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(shapes, shapes, fc.boolean(), async (a, b, isWhole) => {
      await withWorld(async ({ from, to, write, diff, copy }) => {
        const place = (some: readonly Shape[], directory: string): readonly Shape[] =>
          some.map((one) => (one.repository === anchor.repository ? one : { ...one, repository: one.repository.replace('p', directory) }))
        for (const one of [...a, ...b]) {
          // The bytes do not depend on the place.
          for (const { repository } of [...place([one], 'rancher'), ...place([one], 'k3s-io')])
            from.hold(repository, one.tag, makeImage(one))
        }
        const text = (some: readonly Shape[]): string => listOf(some).replaceAll('ghcr.io/rancher/', 'docker.io/rancher/')
        const before = place(
          a.map((one) => b.find(({ repository, tag }) => repository === one.repository && tag === one.tag) ?? one),
          'rancher',
        )
        const lists = { a: await write('a.txt', text(before)), b: await write('b.txt', text(place(b, 'k3s-io'))) }
        const naming = isWhole ? {} : { platforms: ['linux/arm64'] }
        const byList = await diff({ ...lists, ...naming })
        await copy(lists.a, naming)
        const byLookUp = await diff({ a: `registry:${to.url}/m`, b: lists.b, ...naming })
        const copied = await copy(lists.b, naming)
        assert.deepEqual([byList.totals.bytes, byLookUp.totals.bytes], [copied, copied])
      })
    }),
    options,
  )
})

test('predicts a layer that the destination has in the repository of a later image', async () => {
  const old = { repository: 'p/two', tag: 'v1', layers: [0, 1], salt: 0 }
  const fresh: readonly Shape[] = [{ ...old, repository: 'p/one' }, { ...old, tag: 'v2', salt: 1 }, anchor]
  await withWorld(async ({ from, write, to, diff, copy }) => {
    hold(from, [anchor, old, ...fresh])
    const lists = { a: await write('a.txt', listOf([anchor, old])), b: await write('b.txt', listOf(fresh)) }
    await copy(lists.a)
    const byName = await diff(lists)
    const byLookUp = await diff({ a: `registry:${to.url}/m`, b: lists.b })
    const copied = await copy(lists.b, { jobs: 1 })
    assert.deepEqual([byName.totals.bytes, byLookUp.totals.bytes], [copied, copied])
    assert.ok(copied < 10_000)
  })
})

test('predicts no bytes for a digest that the destination has under a tag', async () => {
  const old = { repository: 'p/one', tag: 'v1', layers: [1], salt: 0 }
  await using directory = await tempDir()
  const to = `oci:${directory.path}/site`
  await withWorld(async ({ from, write, diff, copy }) => {
    hold(from, [anchor, old])
    const a = await write('a.txt', listOf([anchor, old]))
    const b = await write('b.txt', `${listOf([anchor])}ghcr.io/p/one@${makeImage(old).root.descriptor.digest}\n`)
    await copy(a, { to })
    const predicted = [(await diff({ a: to, b })).totals.bytes, (await diff({ a, b })).totals.bytes]
    assert.deepEqual([...predicted, await copy(b, { to })], [0, 0, 0])
  })
})

test('predicts the bytes of the mirror that follows, for a layout', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(shapes, shapes, async (a, b) => {
      await using directory = await tempDir()
      const to = `oci:${directory.path}/site`
      await withWorld(async ({ from, write, diff, copy }) => {
        hold(from, a)
        await copy(await write('a.txt', listOf(a)), { to })
        hold(from, b)
        const list = await write('b.txt', listOf(b))
        const { totals } = await diff({ a: to, b: list })
        assert.equal(await copy(list, { to }), totals.bytes)
      })
    }),
    { numRuns: 4 },
  )
})
