import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { contentsOf, manifestOf } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { describeFallbacks, selectEntries, subsetIndex } from '../../src/plan/platform-subset.ts'

function entry(hex: string, platform?: string, more: object = {}): Descriptor {
  return {
    mediaType: mediaTypes.ociManifest,
    digest: `sha256:${hex.repeat(64)}`,
    size: 1,
    ...(platform !== undefined && { platform: parsePlatform(platform) }),
    ...more,
  }
}
const about = (hex: string): object => ({
  annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': `sha256:${hex.repeat(64)}` },
})
const entries = [
  entry('a', 'linux/amd64'),
  entry('b', 'linux/arm/v6'),
  entry('c', 'linux/arm/v7'),
  entry('d', 'unknown/unknown', about('a')),
  entry('e', 'unknown/unknown', about('c')),
  entry('f'),
]

function selected(...platforms: readonly string[]): string {
  return selectEntries(entries, platforms.map(parsePlatform), 'x')
    .map(({ digest }) => digest.at(-1))
    .join('')
}

test('chooses entries by platform, in order, with their attestations', () => {
  assert.equal(selected('linux/amd64'), 'ad')
  assert.equal(selected('linux/arm/v7'), 'ce')
  assert.equal(selected('linux/arm'), 'ce')
  assert.equal(selected('linux/arm/v6'), 'b')
  assert.equal(selected('linux/arm/v7', 'linux/amd64'), 'acde')
})

test('keeps entries without a known platform or subject for every platform', () => {
  const all = [entry('a', 'linux/amd64'), entry('b', 'linux/arm64'), entry('c', 'unknown/unknown'), entry('d', 'unknown/unknown')]
  const kept = selectEntries(all, [parsePlatform('linux/arm64')], 'x')
  assert.deepEqual(
    kept.map(({ digest }) => digest.at(-1)),
    ['b', 'c', 'd'],
  )
  assert.throws(() => selectEntries(all, [parsePlatform('unknown/unknown')], 'x'), { code: 'NO_SUCH_PLATFORM' })
})

// D58
test('names the first missing platform, and never offers an entry without a platform', () => {
  assert.throws(() => selected('linux/amd64', 'linux/s390x'), {
    code: 'NO_SUCH_PLATFORM',
    message: 'x has no image for linux/s390x; available: linux/amd64, linux/arm/v6, linux/arm/v7',
  })
  assert.throws(() => selectEntries([entry('f')], [parsePlatform('linux/amd64')], 'x'), {
    message: /available: no image declares its platform/,
  })
  assert.throws(() => selected('unknown/unknown'), { code: 'NO_SUCH_PLATFORM' }, 'an attestation is not an image')
})

test('describes only a platform that falls back to another one', () => {
  const without = entries.filter(({ digest }) => !digest.endsWith('c'))
  assert.deepEqual(
    selectEntries(without, [parsePlatform('linux/arm/v7')], 'x').map(({ digest }) => digest.at(-1)),
    ['b'],
  )
  const wanted = ['linux/amd64', 'linux/arm/v7', 'linux/arm/v6', 'linux/s390x'].map(parsePlatform)
  assert.deepEqual(describeFallbacks(without, wanted), [
    'no image for linux/arm/v7: falls back to linux/arm/v6, as containerd does on such a node',
  ])
  const windows = { platform: { os: 'windows', architecture: 'amd64', osVersion: '10.0.17763.1' } }
  assert.deepEqual(describeFallbacks([...entries, windows], [...wanted, parsePlatform('windows/amd64')]), [])
})

test('keeps everything else of the old index, and its entries byte for byte', () => {
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerList,
    manifests: entries.map((one) => ({ ...one, 'x-own': 1 })),
    annotations: { 'org.opencontainers.image.version': '1' },
  }
  const index = manifestOf(Buffer.from(JSON.stringify(document, undefined, 2)))
  const subset = subsetIndex(index, selectEntries(entries, [parsePlatform('linux/amd64')], 'x'))
  assert.deepEqual(JSON.parse(Buffer.from(subset.bytes).toString()), {
    ...document,
    manifests: [document.manifests[0], document.manifests[3]],
  })
  assert.equal(subset.descriptor.mediaType, mediaTypes.dockerList)
  assert.equal(contentsOf(subset).kind, 'index')
  assert.equal(
    subsetIndex(
      index,
      entries.toReversed().filter(({ digest }) => /[ad]$/.test(digest)),
    ).descriptor.digest,
    subset.descriptor.digest,
  )
})
