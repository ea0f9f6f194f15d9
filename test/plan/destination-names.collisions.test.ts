import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ImageSource } from '../../src/oci/image-source.ts'
import { formatReference, parseReference } from '../../src/oci/reference.ts'
import { refuseCollisions, type NamedImage } from '../../src/plan/destination-names.ts'

const digest = (hex: string) => `sha256:${hex.repeat(64)}` as const
const image = (source: string, destination: string): NamedImage => ({
  source: parseReference(source),
  destination: parseReference(destination),
})

/** A source that knows digests by reference, and remembers what it was asked. */
function sourceOf(digests: Readonly<Record<string, `sha256:${string}`>>): { readonly source: ImageSource; readonly asked: string[] } {
  const asked: string[] = []
  const source: ImageSource = {
    headManifest(reference) {
      asked.push(formatReference(reference))
      const found = digests[formatReference(reference)]
      return Promise.resolve(found === undefined ? undefined : { mediaType: 'x', digest: found, size: 1 })
    },
    getManifest: () => assert.fail('manifests are not read'),
    getBlob: () => assert.fail('blobs are not read'),
  }
  return { source, asked }
}

// B25
test('refuses two sources with different content and one name at the destination, and names them', async () => {
  const { source } = sourceOf({ 'docker.io/a/x:1': digest('a'), 'quay.io/b/x:1': digest('b') })
  const images = [image('docker.io/a/x:1', 'r.example/x:1'), image('quay.io/b/x:1', 'r.example/x:1')]
  await assert.rejects(refuseCollisions(images, source), {
    code: 'DESTINATION_COLLISION',
    message: 'docker.io/a/x:1 and quay.io/b/x:1 are different images, but would both be named r.example/x:1',
    hint: /options\.flatten/,
  })
})

// B24
test('accepts one name for two sources with the same content', async () => {
  const { source } = sourceOf({ 'docker.io/a/x:1': digest('a'), 'quay.io/b/x:1': digest('a') })
  await refuseCollisions([image('docker.io/a/x:1', 'r.example/x:1'), image('quay.io/b/x:1', 'r.example/x:1')], source)
})

test('looks up only images that share a name', async () => {
  const { source, asked } = sourceOf({ 'docker.io/a/x:1': digest('a') })
  const images = ['1', '2', '3'].map((tag) => image(`docker.io/a/x:${tag}`, `r.example/x:${tag}`))
  await refuseCollisions(images, source)
  assert.deepEqual(asked, [])
  await refuseCollisions([...images, image('docker.io/b/x:1', 'r.example/x:1')], source).catch(() => undefined)
  assert.deepEqual(asked, ['docker.io/a/x:1', 'docker.io/b/x:1'])
})

// A8
test('compares a pinned image by its tag without a look-up; images pinned without tags never collide', async () => {
  const { source, asked } = sourceOf({})
  const pinned = (hex: string, tag = ':1') => image(`docker.io/a/x${tag}@${digest(hex)}`, `r.example/x${tag}@${digest(hex)}`)
  await assert.rejects(refuseCollisions([pinned('a'), pinned('b')], source), {
    code: 'DESTINATION_COLLISION',
    message: /would both be named r.example\/x:1$/,
  })
  await refuseCollisions([pinned('a'), pinned('a')], source)
  await refuseCollisions([pinned('a', ''), pinned('b', '')], source)
  assert.deepEqual(asked, [])
})
