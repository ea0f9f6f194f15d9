import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatReference, formatRepository, parseReference } from '../../src/oci/reference.ts'
import { nameDestination, type NamedImage } from '../../src/plan/destination-names.ts'
import { shardImages } from '../../src/plan/shard-images.ts'

const text = await readFile(new URL('../../fixtures/release/rancher-images.2026-02.txt', import.meta.url), 'utf8')
const rancher = text.trim().split('\n').map(parseReference)

/** Real names, and as many tags more of the same repositories as are needed. */
function listOf(count: number): readonly NamedImage[] {
  return Array.from({ length: count }, (_, index) => {
    const { tag, ...repository } = rancher[(index * 7) % rancher.length] ?? parseReference('x')
    const source = { ...repository, tag: index < rancher.length ? (tag ?? 'latest') : `v${index}` }
    return { source, destination: nameDestination(source, { registry: 'registry.example.com', prefix: 'mirror' }) }
  })
}

const all = (images: readonly NamedImage[], count: number): readonly (readonly NamedImage[])[] =>
  Array.from({ length: count }, (_, at) => shardImages(images, { index: at + 1, count }).images)

test('1,000 and 10,000 images are divided evenly over 1, 4 and 16 shards', () => {
  for (const size of [1000, 10_000]) {
    const images = listOf(size)
    const tags = new Map<string, number>()
    for (const { destination } of images) tags.set(destination.path, (tags.get(destination.path) ?? 0) + 1)
    const largest = Math.max(...tags.values())
    for (const count of [1, 4, 16]) {
      const most = Math.max(...all(images, count).map((shard) => shard.length))
      // A repository is never divided, as the one with a tenth of these images.
      assert.ok(most <= Math.max(largest, (1.01 * size) / count), `${most} of ${size} images in one of ${count} shards`)
    }
  }
})

test('every image is in one shard, with all others of its repository, whatever the order of the list and the name of the registry', () => {
  const image = fc.record({
    registry: fc.constantFrom('docker.io', 'quay.io'),
    path: fc.constantFrom('a', 'b', 'c/d', 'c/e', 'f', 'g'),
    tag: fc.nat(9),
  })
  const lists = fc.uniqueArray(image, { selector: ({ registry, path, tag }) => `${registry}/${path}:${tag}`, maxLength: 40 })
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 8 }), fc.boolean(), (given, count, isLayout) => {
      const named = (registry: string): readonly NamedImage[] =>
        given.map(({ tag, ...repository }) => {
          const source = { ...repository, tag: String(tag) }
          return { source, destination: nameDestination(source, isLayout ? {} : { registry }) }
        })
      const names = (images: readonly NamedImage[]): readonly string[] => images.map(({ source }) => formatReference(source))
      const shards = all(named('one.example.com'), count)
      assert.deepEqual(shards.flatMap(names).toSorted(), names(named('')).toSorted())
      const repositories = shards.map((images) => new Set(images.map(({ destination }) => formatRepository(destination))))
      assert.equal(
        repositories.reduce((sum, { size }) => sum + size, 0),
        new Set(repositories.flatMap((own) => [...own])).size,
      )
      const others = all(named('localhost:5000').toReversed(), count)
      assert.deepEqual(
        others.map((images) => names(images.toReversed())),
        shards.map(names),
      )
    }),
  )
})

test('the checksum of a list depends on its images, not on their order and the registry', () => {
  const images = listOf(20)
  const sumOf = (list: readonly NamedImage[]): string => shardImages(list, { index: 1, count: 2 }).shard.list
  const moved = images.map(({ source, destination }) => ({ source, destination: { ...destination, registry: 'localhost:5000' } }))
  assert.equal(sumOf(images.toReversed()), sumOf(images))
  assert.equal(sumOf(moved), sumOf(images))
  assert.notEqual(sumOf(images.slice(1)), sumOf(images))
  assert.deepEqual(shardImages(images, { index: 3, count: 40 }).shard, { index: 3, count: 40, images: 20, list: sumOf(images) })
})
