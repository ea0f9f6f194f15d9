import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256, type Digest } from '../../src/oci/digest.ts'
import { predictTransfer, type WrittenImage } from '../../src/plan/predict-transfer.ts'

const digestOf = (name: string): Digest => sha256(Buffer.from(name))

/** An image of named blobs and manifests, the root last; a blob has 100 bytes, a manifest 10. */
function image(repository: string, blobs: readonly string[], manifests: readonly string[]): WrittenImage {
  return {
    repository,
    root: digestOf(manifests.at(-1) ?? ''),
    contents: {
      blobs: blobs.map((name) => ({ mediaType: 'layer', digest: digestOf(name), size: 100 })),
      manifests: manifests.map((name) => ({
        bytes: Buffer.alloc(10),
        descriptor: { mediaType: 'manifest', digest: digestOf(name), size: 10 },
      })),
      foreign: [],
    },
  }
}

test('sends a blob once for several repositories, with the first image that needs it', () => {
  const { bytes, images, blobs } = predictTransfer([image('a', ['base', 'x'], ['rootA']), image('b', ['base'], ['rootB'])], () => false)
  assert.equal(bytes, 220)
  assert.deepEqual(
    images.map((one) => [one.blobs.copied, one.bytes.copied, one.bytes.total]),
    [
      [2, 210, 210],
      [0, 10, 110],
    ],
  )
  assert.deepEqual(
    blobs.map((blob) => blob.images),
    [[0, 1], [0]],
  )
})

test('sends no blob that one of the repositories has', () => {
  const held = new Set([`b ${digestOf('base')}`, `c ${digestOf('x')}`])
  const { bytes, blobs } = predictTransfer([image('a', ['base', 'x'], ['rootA']), image('b', ['base'], ['rootB'])], (repository, digest) =>
    held.has(`${repository} ${digest}`),
  )
  assert.equal(bytes, 120)
  assert.deepEqual(
    blobs.map(({ isHeld }) => isHeld),
    [true, false],
  )
})

test('writes a root under each tag, and its children once in each repository', () => {
  const children = ['amd64', 'arm64', 'root']
  assert.equal(predictTransfer([image('a', [], children), image('a', [], children)], () => true).bytes, 40)
  assert.equal(predictTransfer([image('a', [], children), image('b', [], children)], () => true).bytes, 60)
})
