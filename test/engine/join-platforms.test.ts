import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isJoinedFrom, joinPlatforms, platformTag } from '../../src/engine/join-platforms.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { contentsOf } from '../../src/oci/manifest.ts'
import { isTag } from '../../src/oci/reference.ts'

const mediaType = 'application/vnd.docker.distribution.manifest.v2+json'
const platforms = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm', variant: 'v7' },
]
const images = platforms.map((platform, index) => ({ platform, descriptor: { mediaType, digest: sha256(Buffer.of(index)), size: 1 } }))
const source = sha256(Buffer.from('source'))

test('an index names each platform’s image, and the same images make the same bytes', () => {
  const index = joinPlatforms(images, source)
  const contents = contentsOf(index)
  assert.ok(contents.kind === 'index')
  assert.deepEqual(
    contents.manifests.map(({ digest, platform }) => ({ digest, platform })),
    images.map(({ descriptor, platform }) => ({ digest: descriptor.digest, platform })),
  )
  assert.deepEqual(joinPlatforms(images, source).descriptor, index.descriptor)
})

test('records in the index which digest it was joined from', () => {
  const index = joinPlatforms(images, source)
  assert.ok(isJoinedFrom(index, source, platforms))
  assert.ok(!isJoinedFrom(index, sha256(Buffer.from('another')), platforms))
  assert.ok(!isJoinedFrom(index, source, platforms.slice(0, 1)))
  assert.ok(!isJoinedFrom(joinPlatforms(images, undefined), source, platforms))
})

test('a platform’s tag is a tag, whatever its length, and its own', () => {
  const [amd64, arm] = platforms
  assert.ok(amd64 !== undefined && arm !== undefined)
  assert.equal(platformTag('v1', arm), 'v1_k3s-mirror_linux-arm-v7')
  const [long, other] = ['a'.repeat(128), `${'a'.repeat(127)}b`]
  const tags = [platformTag(long, amd64), platformTag(other, amd64), platformTag(long, arm)]
  assert.ok(tags.every(isTag))
  assert.equal(new Set(tags).size, 3)
})
