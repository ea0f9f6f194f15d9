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

test('lists referrers with type and annotations, filters them, and finds them after a restart', async () => {
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

test('refuses a subject that is not a descriptor', async () => {
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

test('answers an empty index without referrers or for an unknown repository, and refuses an invalid digest', async () => {
  await using registry = await startRegistry()
  for (const name of ['a/b', 'never']) {
    const answer = await registry.call('GET', `/v2/${name}/referrers/sha256:${'0'.repeat(64)}`)
    assert.equal(answer.status, 200)
    assert.deepEqual(answer.json(), { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] })
  }
  assert.equal((await registry.call('GET', '/v2/a/b/referrers/sha256:1')).status, 400)
})

interface Index {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Record<string, string> }[]
}

test('splits a long list into pages with Link, each of a size that clients accept', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  const subject = image.root.descriptor
  const artifacts = Array.from({ length: 50 }, (_, at) =>
    about(subject, { artifactType: `application/x-${at % 2}`, annotations: { at: String(at), text: 'é'.repeat(30_000) } }),
  )
  for (const artifact of artifacts) await registry.push('a/b', artifact.root.descriptor.digest, artifact)
  for (const type of [undefined, 'application/x-1']) {
    const seen: string[] = []
    let [pages, path] = [0, `/v2/a/b/referrers/${subject.digest}?ns=localhost${type === undefined ? '' : `&artifactType=${type}`}`]
    for (; path !== ''; pages++) {
      const answer = await registry.call('GET', path)
      const { headers, body } = answer
      assert.ok(body.length < 1.5 * 1024 * 1024)
      assert.equal(headers['oci-filters-applied'], type && 'artifactType')
      const { manifests } = answer.json() as Index
      assert.ok(manifests.every(({ annotations }) => annotations?.['text']?.length === 30_000))
      seen.push(...manifests.map(({ digest }) => digest))
      path = /^<(.*)>; rel="next"$/.exec(String(headers['link'] ?? ''))?.[1] ?? ''
      // The next page starts after the last entry, even if that was deleted.
      if (path !== '') assert.equal((await registry.call('DELETE', `/v2/a/b/manifests/${seen.at(-1)}`)).status, 202)
    }
    assert.equal(new Set(seen).size, seen.length)
    assert.ok(pages > 1 && seen.length >= (type === undefined ? 50 : 23), `${pages} pages, ${seen.length} entries`)
  }
  assert.equal((await registry.call('GET', `/v2/a/b/referrers/${subject.digest}?last=x`)).status, 400)
})

test('leaves out annotations that would fill a page, and keeps the others', async () => {
  await using registry = await startRegistry()
  const image = tinyImage()
  await registry.push('a/b', 'v1', image)
  const subject = image.root.descriptor
  const large = about(subject, { artifactType: 'a/b', annotations: { first: '1', large: 'x'.repeat(100_000), last: '2' } })
  await registry.push('a/b', 'large', large)
  await registry.push('a/b', 'long', about(subject, { artifactType: 'x'.repeat(100_000) }))
  const answer = await registry.call('GET', `/v2/a/b/referrers/${subject.digest}`)
  const { manifests } = answer.json() as Index
  const ofLarge = manifests.find(({ digest }) => digest === large.root.descriptor.digest)
  assert.deepEqual(ofLarge?.annotations, { first: '1', last: '2' })
  assert.ok(JSON.stringify(manifests).length < 2000)
})
