import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { bytesOfManifest, conforms, describe, digestOf, isRefused, pushedImage, type AskedRegistry } from './conformance.ts'
import type { Answer } from './start-registry.ts'

const empty = Buffer.from('{}')
const emptyType = 'application/vnd.oci.empty.v1+json'
const accept = { accept: `${mediaTypes.ociIndex}, ${mediaTypes.ociManifest}` }
const noSubject = 'it knows no referrers'

/** That a manifest was taken, and is under its Location byte for byte and with its type. */
async function isTaken({ call }: AskedRegistry, document: unknown, put: Answer): Promise<void> {
  assert.equal(put.status, 201, put.body.toString())
  const bytes = bytesOfManifest(document)
  if (put.headers['docker-content-digest'] !== undefined) assert.equal(put.headers['docker-content-digest'], digestOf(bytes))
  const got = await call('GET', put.headers.location ?? '', { headers: accept })
  assert.equal(got.status, 200)
  assert.ok(got.body.equals(bytes))
  assert.equal(got.headers['content-type'], (document as { mediaType?: string }).mediaType)
}

function indexOf(children: readonly Record<string, unknown>[], more: Record<string, unknown> = {}): Record<string, unknown> {
  const manifests = children.map((child) => describe(bytesOfManifest(child), String(child['mediaType'])))
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, ...more }
}

conforms('Pushing manifests', 'PUT by digest and by tags is 201 with a Location that gives the same bytes', async (registry) => {
  const image = await pushedImage(registry)
  for (const reference of [undefined, 'test0', 'test1', 'Under_score.9-x', 'a'.repeat(128)])
    await isTaken(registry, image, await registry.putManifest(image, reference))
})

conforms('Pushing manifests', 'layers may be absent, foreign, or of unknown types', async (registry) => {
  const bare = await pushedImage(registry, {}, 0)
  await isTaken(registry, bare, await registry.putManifest(bare, 'none'))
  const foreign = (type: string): Record<string, unknown> => {
    const digest = digestOf(randomBytes(9))
    return { mediaType: type, digest, size: 123_456, urls: [`https://store.example.com/blobs/${digest}`] }
  }
  const image = await pushedImage(registry)
  const layers = [
    foreign('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'),
    foreign('application/vnd.oci.image.layer.nondistributable.v1.tar'),
    ...(image['layers'] as object[]),
  ]
  await isTaken(registry, { ...image, layers }, await registry.putManifest({ ...image, layers }, 'foreign'))
})

conforms(
  'Pushing manifests',
  'artifacts: an artifactType with the empty config, a config type of its own, layers of any type',
  async (registry) => {
    await registry.pushBlob(empty)
    const blob = randomBytes(60)
    await registry.pushBlob(blob)
    const layers = [describe(blob, 'application/vnd.example.v1')]
    const base = { schemaVersion: 2, mediaType: mediaTypes.ociManifest }
    for (const artifact of [
      { ...base, artifactType: 'application/vnd.example.v1', config: describe(empty, emptyType), layers },
      { ...base, artifactType: 'application/vnd.example.v1', config: describe(empty, emptyType), layers: [describe(empty, emptyType)] },
      { ...base, config: describe(empty, 'application/vnd.example.config'), layers },
    ])
      await isTaken(registry, artifact, await registry.putManifest(artifact))
  },
)

conforms('Pushing manifests', 'descriptors with data and unknown fields are kept as they are', async (registry) => {
  const config = Buffer.from('{"architecture":"amd64","os":"linux"}')
  await registry.pushBlob(config)
  const image = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    'org.example': { a: [1, null] },
    config: describe(config, mediaTypes.ociConfig, { data: config.toString('base64'), custom: true }),
    layers: [],
  }
  await isTaken(registry, image, await registry.putManifest(image, 'data'))
})

conforms('Pushing manifests', 'an index, an index of indexes, an index of artifacts, and an empty one', async (registry) => {
  const images = [await pushedImage(registry), await pushedImage(registry)]
  for (const image of images) await isTaken(registry, image, await registry.putManifest(image))
  const index = indexOf(images, { annotations: { a: 'b' } })
  await isTaken(registry, index, await registry.putManifest(index))
  const nested = indexOf([index])
  await isTaken(registry, nested, await registry.putManifest(nested, 'nested'))
  const artifacts = indexOf(images, { artifactType: 'application/vnd.example.v1' })
  await isTaken(registry, artifacts, await registry.putManifest(artifacts, 'artifacts'))
  const none = indexOf([])
  await isTaken(registry, none, await registry.putManifest(none, 'none'))
})

conforms('Pushing manifests', 'a missing child or blob is 400 or 404 MANIFEST_BLOB_UNKNOWN, and nothing is stored', async (registry) => {
  const image = await pushedImage(registry)
  await registry.putManifest(image)
  const incomplete = { ...image, layers: [describe(randomBytes(9), 'application/vnd.oci.image.layer.v1.tar')] }
  for (const document of [incomplete, indexOf([image, { ...image, annotations: { not: 'here' } }])]) {
    isRefused(await registry.putManifest(document, 'incomplete'), [400, 404], 'MANIFEST_BLOB_UNKNOWN')
    assert.equal((await registry.call('GET', `/v2/${registry.name}/manifests/incomplete`)).status, 404)
  }
})

conforms(
  'Pushing manifests',
  'an invalid manifest is 400 MANIFEST_INVALID',
  async (registry) => {
    const image = await pushedImage(registry)
    for (const document of ['blablabla', '[]', '{}', { ...image, config: { digest: 'x' } }])
      isRefused(await registry.putManifest(document, 'invalid', mediaTypes.ociManifest), 400, 'MANIFEST_INVALID')
  },
  { notDocker: 'it answers some of it with 500' },
)

conforms(
  'Pushing manifests',
  'an invalid digest, or one of other bytes, is 400',
  async (registry) => {
    const image = await pushedImage(registry)
    assert.equal((await registry.putManifest(image, 'sha256:baddigeststring')).status, 400)
    const digest = digestOf(bytesOfManifest(image))
    isRefused(await registry.putManifest(`${JSON.stringify(image)}  `, digest, mediaTypes.ociManifest), 400, 'DIGEST_INVALID')
    assert.equal((await registry.call('HEAD', `/v2/${registry.name}/manifests/${digest}`)).status, 404)
  },
  { notDocker: 'it has no route for an invalid digest, and answers 404' },
)

conforms('Pushing manifests', 'a tag outside the grammar is 400 or 404', async (registry) => {
  const image = await pushedImage(registry)
  for (const tag of ['-x', '.x', 'a'.repeat(129), 'a%20b']) {
    const answer = await registry.putManifest(image, tag)
    if (answer.status === 400) isRefused(answer, 400, 'NAME_INVALID')
    else assert.equal(answer.status, 404)
  }
})

conforms('Pushing manifests', 'exactly 4 MiB are taken, and what is larger is 413 or 400', async (registry) => {
  const image = await pushedImage(registry)
  const size = 4 * 1024 * 1024
  const padded = (bytes: number): string => `${JSON.stringify(image)}${' '.repeat(bytes - bytesOfManifest(image).length)}`
  assert.equal((await registry.putManifest(padded(size), 'large', mediaTypes.ociManifest)).status, 201)
  assert.ok([400, 413].includes((await registry.putManifest(padded(size + 1), 'larger', mediaTypes.ociManifest)).status))
})

conforms(
  'Pushing manifests with subject',
  'one that names a subject, present or not, image or index, is answered with OCI-Subject',
  async (registry) => {
    const subject = describe(randomBytes(123), mediaTypes.ociManifest)
    for (const document of [await pushedImage(registry, { subject }), indexOf([], { subject })]) {
      const put = await registry.putManifest(document)
      await isTaken(registry, document, put)
      assert.equal(put.headers['oci-subject'], subject['digest'])
    }
    assert.equal((await registry.putManifest(await pushedImage(registry), 'plain')).headers['oci-subject'], undefined)
  },
  { notDocker: noSubject },
)

conforms(
  'Pushing manifests',
  'by a sha512 digest, over sha512 blobs and children, with tags as parameters',
  async (registry) => {
    const config = Buffer.from('{"architecture":"amd64","os":"linux","sha":512}')
    await registry.pushBlob(config, digestOf(config, 'sha512'))
    const image = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      layers: [],
      config: { ...describe(config, mediaTypes.ociConfig), digest: digestOf(config, 'sha512') },
    }
    const child = digestOf(bytesOfManifest(image), 'sha512')
    assert.equal((await registry.putManifest(image, child)).status, 201)
    const index = { ...indexOf([]), manifests: [{ ...describe(bytesOfManifest(image), mediaTypes.ociManifest), digest: child }] }
    const root = digestOf(bytesOfManifest(index), 'sha512')
    const put = await registry.putManifest(index, `${root}?tag=one&tag=two`)
    assert.equal(put.status, 201)
    assert.equal(put.headers['oci-tag'], 'one, two')
    for (const reference of [root, 'one', 'two']) {
      const got = await registry.call('GET', `/v2/${registry.name}/manifests/${reference}`)
      assert.deepEqual([got.status, got.headers['docker-content-digest']], [200, root])
    }
  },
  { notDocker: 'it supports only sha256 manifests' },
)
