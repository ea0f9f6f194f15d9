import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatReference, parseReference, type Reference } from '../../src/oci/reference.ts'
import { pairImages, pairRenamed } from '../../src/plan/pair-images.ts'

const own = (image: Reference): Reference => image

function pairs(a: readonly string[], b: readonly string[]): readonly string[] {
  return pairImages(a.map(parseReference), b.map(parseReference), own).map((pair) =>
    [pair.a, pair.b].map((image) => (image === undefined ? '-' : formatReference(image).replace('docker.io/library/', ''))).join(' > '),
  )
}

test('pairs the same names, then other tags of the same repository', () => {
  assert.deepEqual(pairs(['x:1', 'y:1', 'z:1'], ['y:1', 'x:2', 'w:1']), ['y:1 > y:1', 'x:1 > x:2', '- > w:1', 'z:1 > -'])
})

test('pairs the newest of several tags, as numbers', () => {
  assert.deepEqual(pairs(['x:v1.9', 'x:v1.10'], ['x:v1.11']), ['x:v1.10 > x:v1.11', 'x:v1.9 > -'])
  assert.deepEqual(pairs(['x:1'], ['x:2', 'x:3']), ['- > x:2', 'x:1 > x:3'])
  assert.deepEqual(pairs(['x:1', 'x:2'], ['x:3', 'x:4']), ['x:1 > x:3', 'x:2 > x:4'])
})

test('pairs tags of the same shape first', () => {
  assert.deepEqual(pairs(['x:1-amd64', 'x:1-arm64'], ['x:2-arm64', 'x:2-amd64']), ['x:1-arm64 > x:2-arm64', 'x:1-amd64 > x:2-amd64'])
  assert.deepEqual(pairs(['x:1-old'], ['x:2-new']), ['x:1-old > x:2-new'])
})

test('ignores a pin next to a tag, and the case of a registry', () => {
  const digest = `sha256:${'0'.repeat(64)}`
  assert.deepEqual(pairs([`x:1@${digest}`], ['x:1']), [`x:1@${digest} > x:1`])
  assert.equal(pairs(['R.example/x:1'], ['r.example/x:1']).length, 1)
  assert.deepEqual(pairs([`x@${digest}`], ['x:1']), ['- > x:1', `x@${digest} > -`])
})

test('joins images that only one side has, by the first function that finds them equal', () => {
  const join = (a: readonly string[], b: readonly string[]): readonly string[] =>
    pairRenamed(
      [...b.map((image) => ({ b: image })), ...a.map((image) => ({ a: image })), { a: 'both', b: 'both' }],
      [(image) => image.replace(/^.*\//, ''), (image) => (image.startsWith('x') ? undefined : image.replace(/^.*:/, ''))],
    ).map((pair) => `${'a' in pair ? pair.a : '-'} > ${'b' in pair ? pair.b : '-'}`)
  assert.deepEqual(join(['a/p:1', 'a/q:1'], ['b/q:1', 'b/r:1', 'b/s:2']), ['a/q:1 > b/q:1', 'a/p:1 > b/r:1', '- > b/s:2', 'both > both'])
  assert.deepEqual(join(['x/p:1', 'a/p:1'], ['b/p:1']), ['x/p:1 > b/p:1', 'a/p:1 > -', 'both > both'])
  assert.deepEqual(join(['x/p:1'], ['x/q:1']), ['- > x/q:1', 'x/p:1 > -', 'both > both'])
})

test('names every image of both sides once', () => {
  const image = fc.tuple(fc.constantFrom('x', 'y'), fc.stringMatching(/^[0-9]{1,2}(?:-[a-c])?$/)).map(([name, tag]) => `${name}:${tag}`)
  const images = fc.uniqueArray(image, { maxLength: 8 })
  fc.assert(
    fc.property(images, images, (a, b) => {
      const found = pairImages(a.map(parseReference), b.map(parseReference), own)
      const names = (side: 'a' | 'b'): readonly string[] =>
        found.flatMap((pair) => (pair[side] === undefined ? [] : [formatReference(pair[side]).replace('docker.io/library/', '')]))
      assert.deepEqual(names('a').toSorted(), a.toSorted())
      assert.deepEqual(names('b'), b)
      for (const one of a.filter((name) => b.includes(name))) assert.ok(pairs(a, b).includes(`${one} > ${one}`))
    }),
  )
})
