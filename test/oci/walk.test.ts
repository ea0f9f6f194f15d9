import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import type { Manifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { maxNesting, walkImage, type Walker } from '../../src/oci/walk.ts'
import { tinyImage, tinyManifest } from '../layout/tiny-image.ts'

const index = (...manifests: readonly Descriptor[]): Manifest =>
  tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })

/** Walks over manifests in memory: what was read, and what was visited, in order. */
async function walked(root: Manifest, others: readonly Manifest[], walker: Partial<Walker<string>> = {}) {
  const held = new Map([root, ...others].map((manifest) => [manifest.descriptor.digest, manifest]))
  const read: string[] = []
  const visited: string[] = []
  const result = await walkImage<string>(root.descriptor, {
    async read({ digest }) {
      read.push(digest)
      return held.get(digest)
    },
    visit({ manifest, depth }, below) {
      visited.push(manifest.descriptor.digest)
      return `${depth}(${below.join(' ')})`
    },
    ...walker,
  })
  return { read, visited, result }
}

const [a, b] = [tinyImage().root, tinyImage().root]

test('children are visited before their index, each once, and what came of them is handed up', async () => {
  const inner = index(a.descriptor)
  const root = index(a.descriptor, b.descriptor, inner.descriptor, b.descriptor)
  for (const isSideBySide of [false, true]) {
    const { read, visited, result } = await walked(root, [a, b, inner], { isSideBySide })
    const digests = [a, b, inner, root].map(({ descriptor }) => descriptor.digest)
    assert.deepEqual(read.toSorted(), digests.toSorted())
    assert.deepEqual(visited, digests)
    assert.equal(result, '0(1() 1() 1())')
  }
})

test('entries that are not chosen, or not held, are not entered', async () => {
  const root = index(a.descriptor, b.descriptor)
  assert.deepEqual(
    (await walked(root, [a, b], { choose: (entries) => entries.slice(1) })).visited,
    [b, root].map((m) => m.descriptor.digest),
  )
  assert.equal((await walked(root, [b])).result, '0(1())')
  const { result } = await walked(root, [], {
    read: async ({ digest }) => (digest === root.descriptor.digest ? root : { instead: 'lost' }),
  })
  assert.equal(result, '0(lost lost)')
})

test('a digest that stands with two sizes is asked for with both', async () => {
  const wrong = { ...a.descriptor, size: 7 }
  assert.equal((await walked(index(a.descriptor, wrong), [a])).read.length, 3)
})

test('an index that names itself ends the walk, and what lies too deep is refused where a limit is asked for', async () => {
  const loop = index(a.descriptor)
  const read = async (): Promise<Manifest> => loop
  assert.equal((await walked(loop, [], { read })).visited.length, 2)
  let nested = index(a.descriptor)
  const levels = [a, nested]
  for (let level = 1; level <= maxNesting; level++) levels.push((nested = index(nested.descriptor)))
  assert.equal((await walked(nested, levels)).read.length, maxNesting + 2)
  assert.match((await walked(nested, levels, { tooDeep: (why) => why })).result ?? '', /nests indexes more than 3 deep/)
})
