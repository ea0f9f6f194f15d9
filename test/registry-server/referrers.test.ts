import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { tinyBlob, tinyImage, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { startRegistry } from './start-registry.ts'

const empty = tinyBlob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json')

function about(subject: object, more: Record<string, unknown>): TinyImage {
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: empty.descriptor,
    layers: [empty.descriptor],
    subject,
    ...more,
  })
  return { blobs: [empty], manifests: [root], root }
}

test('referrers are listed with type and annotations, filtered, and found again after a restart', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  const subject = image.root.descriptor
  const first = about(subject, { artifactType: 'application/x-one', annotations: { a: 'b' } })
  const second = about(subject, { annotations: { c: 'd' } })
  const index = tinyManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [],
    subject,
    artifactType: 'application/x-one',
  })
  // The subject comes last: a registry must take what is about a manifest that it does not have yet.
  const put = await registry.call('PUT', `/v2/a/b/manifests/x`, { body: index.bytes })
  assert.equal(put.status, 201)
  assert.equal(put.headers['oci-subject'], subject.digest)
  await registry.push('a/b', 'one', first)
  await registry.push('a/b', first.root.descriptor.digest, first)
  await registry.push('a/b', 'two', second)
  await registry.push('a/b', 'v1', image)

  const all = await registry.call('GET', `/v2/a/b/referrers/${subject.digest}`)
  assert.equal(all.headers['content-type'], mediaTypes.ociIndex)
  assert.equal(all.headers['oci-filters-applied'], undefined)
  const entries = [
    { ...index.descriptor, artifactType: 'application/x-one' },
    { ...first.root.descriptor, artifactType: 'application/x-one', annotations: { a: 'b' } },
    { ...second.root.descriptor, artifactType: 'application/vnd.oci.empty.v1+json', annotations: { c: 'd' } },
  ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
  assert.deepEqual(all.json(), { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries })
  const filtered = await registry.call('GET', `/v2/a/b/referrers/${subject.digest}?artifactType=application/x-one`)
  assert.equal(filtered.headers['oci-filters-applied'], 'artifactType')
  assert.deepEqual(
    (filtered.json() as { manifests: unknown }).manifests,
    entries.filter(({ artifactType }) => artifactType === 'application/x-one'),
  )

  await registry.layout.close()
  const { readLayout } = await import('../../src/layout/open-layout.ts')
  const reopened = await readLayout(registry.directory)
  assert.deepEqual(await Readable.from(reopened.referrers({ registry: 'localhost', path: 'a/b' }, subject.digest)).toArray(), entries)
})

test('a subject that is no descriptor is refused', async () => {
  await using registry = await startRegistry()
  const { descriptor } = tinyImage().root
  const { mediaType, digest, size } = descriptor
  await registry.push('a/b', 'v1', about(descriptor, {}))
  for (const subject of [
    null,
    'text',
    digest,
    [descriptor],
    {},
    { mediaType, size },
    { mediaType, size, digest: 'sha256:1' },
    { mediaType, size, digest: `sha384:${'0'.repeat(96)}` },
    { mediaType, digest },
    { mediaType, digest, size: -1 },
    { digest, size },
  ]) {
    const ofIndex = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [], subject })
    for (const body of [about({}, { subject }).root.bytes, ofIndex]) {
      const refused = await registry.call('PUT', '/v2/a/b/manifests/v2', { body })
      assert.deepEqual([refused.status, refused.code], [400, 'MANIFEST_INVALID'], JSON.stringify(subject))
    }
  }
})

test('nothing about a manifest, or an unknown repository, is an empty index; a bad digest is refused', async () => {
  await using registry = await startRegistry()
  for (const name of ['a/b', 'never']) {
    const answer = await registry.call('GET', `/v2/${name}/referrers/sha256:${'0'.repeat(64)}`)
    assert.equal(answer.status, 200)
    assert.deepEqual(answer.json(), { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] })
  }
  assert.equal((await registry.call('GET', '/v2/a/b/referrers/sha256:1')).status, 400)
})
